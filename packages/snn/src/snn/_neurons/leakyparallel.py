"""Where snnTorch has it: the name of ``snn_core.leakyparallel``."""

from snn_core.leakyparallel import LeakyParallel

__all__ = ["LeakyParallel"]
