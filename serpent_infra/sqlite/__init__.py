"""Django's SQLite with a patience of our own for the one writer that it allows."""
