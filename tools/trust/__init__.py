"""What is known of every neuron, measured: ``python -m trust docs/trust.md``."""
