"""Graphs as modules that can be run."""
