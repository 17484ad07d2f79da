"""Tests of avalanche."""
