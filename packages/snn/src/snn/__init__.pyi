from snn import backends as backends
from snn import backprop as backprop
from snn import data as data
from snn import export_nir as export_nir
from snn import functional as functional
from snn import import_nir as import_nir
from snn import init as init
from snn import kernels as kernels
from snn import models as models
from snn import nir as nir
from snn import peer as peer
from snn import plot as plot
from snn import sklearn as sklearn
from snn import spikegen as spikegen
from snn import spikeplot as spikeplot
from snn import surrogate as surrogate
from snn import utils as utils
from snn import zoo as zoo
from snn._version import __version__ as __version__
from snn_core import ALIF as ALIF
from snn_core import BRF as BRF
from snn_core import PSN as PSN
from snn_core import RF as RF
from snn_core import SLSTM as SLSTM
from snn_core import TCLIF as TCLIF
from snn_core import AdEx as AdEx
from snn_core import AdLIF as AdLIF
from snn_core import Alpha as Alpha
from snn_core import AssociativeLeaky as AssociativeLeaky
from snn_core import AxonalDelay as AxonalDelay
from snn_core import BatchNormOverTime1d as BatchNormOverTime1d
from snn_core import BatchNormOverTime2d as BatchNormOverTime2d
from snn_core import BatchNormTT1d as BatchNormTT1d
from snn_core import BatchNormTT2d as BatchNormTT2d
from snn_core import CSiLIF as CSiLIF
from snn_core import DelayedConv2d as DelayedConv2d
from snn_core import DelayedLinear as DelayedLinear
from snn_core import DeltaLeaky as DeltaLeaky
from snn_core import GradedSpikes as GradedSpikes
from snn_core import Izhikevich as Izhikevich
from snn_core import Lapicque as Lapicque
from snn_core import Leaky as Leaky
from snn_core import LeakyParallel as LeakyParallel
from snn_core import LinearLeaky as LinearLeaky
from snn_core import MemoryPlan as MemoryPlan
from snn_core import Readout as Readout
from snn_core import Recurrent as Recurrent
from snn_core import Refractory as Refractory
from snn_core import RLeaky as RLeaky
from snn_core import RSynaptic as RSynaptic
from snn_core import SavedNet as SavedNet
from snn_core import SConv2dLSTM as SConv2dLSTM
from snn_core import SEAdLIF as SEAdLIF
from snn_core import SiLIF as SiLIF
from snn_core import SlidingPSN as SlidingPSN
from snn_core import SpikingNeuron as SpikingNeuron
from snn_core import StateLeaky as StateLeaky
from snn_core import Stream as Stream
from snn_core import Synaptic as Synaptic
from snn_core import SynapticDelay as SynapticDelay
from snn_core import bounded as bounded
from snn_core import decay as decay
from snn_core import load as load
from snn_core import plan_memory as plan_memory
from snn_core import program as program
from snn_core import save as save
from snn_core import stream as stream
from snn_core import unroll as unroll
from snn_export import export as export
from snn_functional import QCFS as QCFS
from snn_functional import baselines as baselines
from snn_functional import diagnose as diagnose
from snn_functional import energy as energy
from snn_functional import fit as fit
from snn_functional import from_ann as from_ann
from snn_functional import neurobench as neurobench
from snn_functional import summary as summary

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
    "QCFS",
    "RLeaky",
    "RSynaptic",
    "Readout",
    "Recurrent",
    "Refractory",
    "SConv2dLSTM",
    "SLSTM",
    "SavedNet",
    "SlidingPSN",
    "SpikingNeuron",
    "StateLeaky",
    "Stream",
    "Synaptic",
    "SynapticDelay",
    "__version__",
    "backends",
    "backprop",
    "baselines",
    "bounded",
    "data",
    "decay",
    "diagnose",
    "energy",
    "export",
    "export_nir",
    "fit",
    "from_ann",
    "functional",
    "import_nir",
    "init",
    "kernels",
    "load",
    "models",
    "neurobench",
    "nir",
    "peer",
    "plan_memory",
    "program",
    "plot",
    "save",
    "sklearn",
    "spikegen",
    "spikeplot",
    "stream",
    "summary",
    "surrogate",
    "unroll",
    "utils",
    "zoo",
]
