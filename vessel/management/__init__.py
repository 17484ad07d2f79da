"""Commands of vessel."""
