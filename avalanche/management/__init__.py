"""Management commands of avalanche."""
