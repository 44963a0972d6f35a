"""Where snnTorch has them: the two base classes of neurons."""

from snn_core.lif import LIF
from snn_core.neuron import SpikingNeuron

__all__ = ["LIF", "SpikingNeuron"]
