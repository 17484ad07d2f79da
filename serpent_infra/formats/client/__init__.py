"""What the package manager of a machine is told: its repositories, and where their indexes and packages are."""
