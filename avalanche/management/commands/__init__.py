"""Commands for the hub (create_builder) and for a builder machine (enrol, agent)."""
