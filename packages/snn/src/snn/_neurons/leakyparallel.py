"""The class ``LeakyParallel`` of ``snn_core.neurons.leakyparallel``, at snnTorch's path."""

from snn_core import LeakyParallel

__all__ = ["LeakyParallel"]
