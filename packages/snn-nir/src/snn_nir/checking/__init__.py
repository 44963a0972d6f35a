"""Checks of a graph, and of how well it represents its network."""
