"""Where snnTorch has it: the name of ``snn_core.neurons.leakyparallel``."""

from snn_core.neurons.leakyparallel import LeakyParallel

__all__ = ["LeakyParallel"]
