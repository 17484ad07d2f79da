"""The pages of avalanche."""
