"""NIR graphs to networks."""
