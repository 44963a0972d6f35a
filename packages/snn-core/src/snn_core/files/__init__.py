"""Trained nets in files, and what a file says of itself."""
