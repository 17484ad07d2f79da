"""What submissions change, as their reviewers see it."""
