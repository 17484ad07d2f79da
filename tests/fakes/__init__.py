"""Implementations of our protocols for tests."""
