"""A farm in one process and in simulated time, in which everything that can go wrong does, from one seed."""
