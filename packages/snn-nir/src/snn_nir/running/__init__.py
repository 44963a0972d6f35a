"""Graphs as modules that run."""
