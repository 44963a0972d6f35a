"""Layers under the private paths that programs written for snnTorch import them from."""

from snn._layers.bntt import BatchNormTT1d, BatchNormTT2d
from snn._layers.graded_spikes import GradedSpikes

__all__ = ["BatchNormTT1d", "BatchNormTT2d", "GradedSpikes"]
