"""The processes of a role, run in the foreground with prefixed logs and stopped together."""
