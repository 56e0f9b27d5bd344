"""Two datasets, compared."""
