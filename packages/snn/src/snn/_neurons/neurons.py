"""Where snnTorch has them: the two base classes of neurons."""

from snn_core.neuron.spiking import LIF, SpikingNeuron

__all__ = ["LIF", "SpikingNeuron"]
