"""Data sets that come with Python packages, and the classes of labeled data."""
