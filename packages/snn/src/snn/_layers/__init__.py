"""Layers at the private paths from which programs written for snnTorch import them, such as ``snn._layers.bntt``."""

import sys

from snn._lazy import register_parts
from snn_core import BatchNormTT1d, BatchNormTT2d, GradedSpikes

__all__ = ["BatchNormTT1d", "BatchNormTT2d", "GradedSpikes"]

register_parts(sys.modules[__name__], {"bntt": "BatchNormTT1d BatchNormTT2d", "graded_spikes": "GradedSpikes"})
