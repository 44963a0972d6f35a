"""Trained nets in files, and the manifest by which a file describes itself."""
