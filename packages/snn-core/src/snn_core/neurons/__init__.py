"""The neurons: one file for each equation."""
