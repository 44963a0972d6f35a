"""``snn demo``: a spiking network that learns to read real handwritten digits, and its report."""
