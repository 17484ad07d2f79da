"""Replays builds in simulated time through the queue and the scheduler of production: pure but for `trees.py`."""
