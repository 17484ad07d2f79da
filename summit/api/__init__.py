"""The REST API of summit: projects, repositories, recipes, builds and submissions, and what may be ordered there."""
