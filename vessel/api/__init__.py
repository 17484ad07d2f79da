"""The REST API of vessel: channels, versions with their changes, packages, and moving the pointers."""
