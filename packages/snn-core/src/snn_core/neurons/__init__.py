"""The neurons: a file for each, of its equation."""
