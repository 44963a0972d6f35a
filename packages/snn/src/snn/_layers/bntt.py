"""Where snnTorch has them: the names of ``snn_core.bntt``."""

from snn_core.bntt import BatchNormTT1d, BatchNormTT2d

__all__ = ["BatchNormTT1d", "BatchNormTT2d"]
