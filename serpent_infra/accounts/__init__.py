"""People and service tokens: who may act."""
