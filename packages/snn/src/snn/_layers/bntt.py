"""The classes of ``snn_core.neurons.bntt``, at snnTorch's path."""

from snn_core import BatchNormTT1d, BatchNormTT2d

__all__ = ["BatchNormTT1d", "BatchNormTT2d"]
