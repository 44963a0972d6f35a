"""Neurons at the private paths from which programs written for snnTorch import them."""

from snn._neurons.alpha import Alpha
from snn._neurons.associative import AssociativeLeaky
from snn._neurons.deltaleaky import DeltaLeaky
from snn._neurons.lapicque import Lapicque
from snn._neurons.leaky import Leaky
from snn._neurons.leakyparallel import LeakyParallel
from snn._neurons.linearleaky import LinearLeaky
from snn._neurons.neurons import LIF, SpikingNeuron
from snn._neurons.rleaky import RLeaky
from snn._neurons.rsynaptic import RSynaptic
from snn._neurons.sconv2dlstm import SConv2dLSTM
from snn._neurons.slstm import SLSTM
from snn._neurons.stateleaky import StateLeaky
from snn._neurons.synaptic import Synaptic

__all__ = [
    "Alpha",
    "AssociativeLeaky",
    "DeltaLeaky",
    "LIF",
    "Lapicque",
    "Leaky",
    "LeakyParallel",
    "LinearLeaky",
    "RLeaky",
    "RSynaptic",
    "SConv2dLSTM",
    "SLSTM",
    "SpikingNeuron",
    "StateLeaky",
    "Synaptic",
]
