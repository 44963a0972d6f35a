"""The class ``LeakyParallel`` of ``snn_core.neurons.leakyparallel``, at snnTorch's path."""

from snn_core.neurons.leakyparallel import LeakyParallel

__all__ = ["LeakyParallel"]
