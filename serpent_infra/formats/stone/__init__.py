"""The stone container, version 1: packages, repository indexes and build manifests (stone-spec 1)."""
