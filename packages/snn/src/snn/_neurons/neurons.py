"""The two base classes of neurons, at snnTorch's path."""

from snn_core import LIF, SpikingNeuron

__all__ = ["LIF", "SpikingNeuron"]
