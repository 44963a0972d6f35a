"""Layers at the private paths from which programs written for snnTorch import them."""

from snn._layers.bntt import BatchNormTT1d, BatchNormTT2d
from snn._layers.graded_spikes import GradedSpikes

__all__ = ["BatchNormTT1d", "BatchNormTT2d", "GradedSpikes"]
