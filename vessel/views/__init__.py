"""The pages of the published repository."""
