"""Spiking neurons for PyTorch: layers that keep a state, fire, and learn by surrogate gradients."""

from typing import TYPE_CHECKING

from snn_core import backends, init, kernels, peer, surrogate, utils
from snn_core._version import __version__
from snn_core.files.former import keep_former_paths
from snn_core.files.saving import SavedNet, load, save
from snn_core.neuron.bounds import bounded
from snn_core.neuron.choice import program
from snn_core.neuron.constant import decay
from snn_core.neuron.other_names import explains
from snn_core.neuron.recurrence import Recurrent
from snn_core.neuron.refractory import Refractory
from snn_core.neuron.spiking import LIF as LIF  # not in __all__: a base class for isinstance, as in snnTorch
from snn_core.neuron.spiking import SpikingNeuron
from snn_core.neurons.adex import AdEx
from snn_core.neurons.adlif import AdLIF
from snn_core.neurons.alif import ALIF
from snn_core.neurons.alpha import Alpha
from snn_core.neurons.associative import AssociativeLeaky
from snn_core.neurons.axonaldelay import AxonalDelay, SynapticDelay
from snn_core.neurons.batchnormovertime import BatchNormOverTime1d, BatchNormOverTime2d
from snn_core.neurons.bntt import BatchNormTT1d, BatchNormTT2d
from snn_core.neurons.delayed import DelayedConv2d, DelayedLinear
from snn_core.neurons.deltaleaky import DeltaLeaky
from snn_core.neurons.gradedspikes import GradedSpikes
from snn_core.neurons.izhikevich import Izhikevich
from snn_core.neurons.lapicque import Lapicque
from snn_core.neurons.leaky import Leaky
from snn_core.neurons.leakyparallel import LeakyParallel
from snn_core.neurons.linearleaky import LinearLeaky
from snn_core.neurons.psn import PSN, SlidingPSN
from snn_core.neurons.readout import Readout
from snn_core.neurons.resonate import BRF, RF
from snn_core.neurons.rleaky import RLeaky
from snn_core.neurons.rsynaptic import RSynaptic
from snn_core.neurons.sconv2dlstm import SConv2dLSTM
from snn_core.neurons.seadlif import SEAdLIF
from snn_core.neurons.silif import CSiLIF, SiLIF
from snn_core.neurons.slstm import SLSTM
from snn_core.neurons.stateleaky import StateLeaky
from snn_core.neurons.synaptic import Synaptic
from snn_core.neurons.tclif import TCLIF
from snn_core.sequence.memory_plan import MemoryPlan
from snn_core.sequence.streaming import Stream, stream
from snn_core.sequence.unrolling import plan_memory, unroll

__all__ = [
    "ALIF",
    "AdLIF",
    "SEAdLIF",
    "SiLIF",
    "CSiLIF",
    "RF",
    "BRF",
    "TCLIF",
    "Izhikevich",
    "AdEx",
    "SLSTM",
    "Alpha",
    "AssociativeLeaky",
    "AxonalDelay",
    "BatchNormOverTime1d",
    "BatchNormOverTime2d",
    "BatchNormTT1d",
    "BatchNormTT2d",
    "DelayedConv2d",
    "DelayedLinear",
    "DeltaLeaky",
    "GradedSpikes",
    "Lapicque",
    "Leaky",
    "LeakyParallel",
    "LinearLeaky",
    "MemoryPlan",
    "PSN",
    "RLeaky",
    "RSynaptic",
    "Readout",
    "Recurrent",
    "Refractory",
    "SConv2dLSTM",
    "SavedNet",
    "SlidingPSN",
    "SpikingNeuron",
    "StateLeaky",
    "Stream",
    "Synaptic",
    "SynapticDelay",
    "__version__",
    "backends",
    "bounded",
    "decay",
    "init",
    "kernels",
    "load",
    "peer",
    "plan_memory",
    "program",
    "save",
    "stream",
    "surrogate",
    "unroll",
    "utils",
]

if not TYPE_CHECKING:  # a type checker would accept any name
    __getattr__ = explains(__name__)

keep_former_paths()
