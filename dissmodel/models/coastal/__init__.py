"""The coastal models: a flood and a mangrove on one cell space (BR-MANGUE; Bezerra 2014, INPE)."""
