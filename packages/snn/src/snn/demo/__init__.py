"""``snn demo``: spiking networks that learn from real data, and what a run leaves: a report and ``run.json``."""
