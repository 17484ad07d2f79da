"""vessel publishes: imports artefacts, keeps immutable versions and serves the repository that moss reads."""
