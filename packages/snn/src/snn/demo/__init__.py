"""The command ``snn demo``: spiking networks that learn from real data, and the results: a report and ``run.json``."""
