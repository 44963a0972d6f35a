"""Spiking neurons for PyTorch: layers that keep a state, fire, and learn by surrogate gradients."""

from snn_core import backends, kernels, peer, surrogate, utils
from snn_core._version import __version__
from snn_core.alpha import Alpha
from snn_core.associative import AssociativeLeaky
from snn_core.bntt import BatchNormTT1d, BatchNormTT2d
from snn_core.bounds import bounded
from snn_core.deltaleaky import DeltaLeaky
from snn_core.files import SavedNet, load, save
from snn_core.gradedspikes import GradedSpikes
from snn_core.lapicque import Lapicque
from snn_core.leaky import Leaky
from snn_core.leakyparallel import LeakyParallel
from snn_core.lif import LIF as LIF  # not listed: the root of neurons, for isinstance, as snnTorch has it
from snn_core.linearleaky import LinearLeaky
from snn_core.memory_plan import MemoryPlan
from snn_core.neuron import SpikingNeuron
from snn_core.recurrence import Recurrent
from snn_core.rleaky import RLeaky
from snn_core.rsynaptic import RSynaptic
from snn_core.sconv2dlstm import SConv2dLSTM
from snn_core.sequence.unrolling import plan_memory, unroll
from snn_core.slstm import SLSTM
from snn_core.stateleaky import StateLeaky
from snn_core.streaming import Stream, stream
from snn_core.synaptic import Synaptic
from snn_core.time_constant import decay

__all__ = [
    "SLSTM",
    "Alpha",
    "AssociativeLeaky",
    "BatchNormTT1d",
    "BatchNormTT2d",
    "DeltaLeaky",
    "GradedSpikes",
    "Lapicque",
    "Leaky",
    "LeakyParallel",
    "LinearLeaky",
    "MemoryPlan",
    "RLeaky",
    "RSynaptic",
    "Recurrent",
    "SConv2dLSTM",
    "SavedNet",
    "SpikingNeuron",
    "StateLeaky",
    "Stream",
    "Synaptic",
    "__version__",
    "backends",
    "bounded",
    "decay",
    "kernels",
    "load",
    "peer",
    "plan_memory",
    "save",
    "stream",
    "surrogate",
    "unroll",
    "utils",
]
