"""The same run again, compared."""
