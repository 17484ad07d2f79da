"""summit decides: what to build, in which order, on which builder, and what then happens with the result."""
