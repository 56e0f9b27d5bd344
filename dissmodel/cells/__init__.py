"""The model kit: what every cell-space model needs, written once."""
