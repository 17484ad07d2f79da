"""What an administrator does on the command line."""
