"""Where snnTorch has them: the names of ``snn_core.neurons.bntt``."""

from snn_core.neurons.bntt import BatchNormTT1d, BatchNormTT2d

__all__ = ["BatchNormTT1d", "BatchNormTT2d"]
