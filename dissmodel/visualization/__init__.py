"""Maps and charts. Everything is drawn into a figure of its own; matplotlib is loaded when one is drawn."""
