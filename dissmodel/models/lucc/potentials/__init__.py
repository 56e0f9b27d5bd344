"""The potentials of LuccME."""
