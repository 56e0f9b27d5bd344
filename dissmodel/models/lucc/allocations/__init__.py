"""The allocations of LuccME."""
