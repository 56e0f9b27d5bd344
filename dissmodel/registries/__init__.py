"""Models that others published, and their environments."""
