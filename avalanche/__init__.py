"""avalanche builds: builders, slots and attempts on the hub, and the agent that runs on a builder machine."""
