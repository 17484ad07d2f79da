"""Use cases on real processes."""
