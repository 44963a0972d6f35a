"""The command ``snn demo``, which trains spiking networks on real data and writes a report and ``run.json``."""
