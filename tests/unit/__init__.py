"""Tests without database or socket."""
