"""Data sets of event sensors, and frames of events."""
