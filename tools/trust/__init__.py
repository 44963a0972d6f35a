"""Measured facts about every neuron: ``python -m trust docs/trust.md``."""
