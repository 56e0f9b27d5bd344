"""A record and its files, wherever they are."""
