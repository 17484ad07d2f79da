"""Objects for tests."""
