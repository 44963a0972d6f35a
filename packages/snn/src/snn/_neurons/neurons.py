"""Where snnTorch has them: the two base classes of neurons."""

from snn_core.neuron.lif import LIF
from snn_core.neuron.spiking import SpikingNeuron

__all__ = ["LIF", "SpikingNeuron"]
