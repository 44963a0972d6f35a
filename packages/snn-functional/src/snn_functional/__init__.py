"""Losses, accuracy, training, online learning, probes, plasticity, statistics and quantization; time is axis 0."""

from typing import TYPE_CHECKING

from snn_core.neuron import explains
from snn_functional import acc, backprop, diagnosis, loss, online, probe, quant, reg, sklearn, statistics, stdp_learner
from snn_functional._account import energy, summary
from snn_functional._activity import Activity
from snn_functional._baselines import baselines
from snn_functional._conversion import QCFS, from_ann
from snn_functional._early_exit import early_exit
from snn_functional._fit import fit
from snn_functional._neurobench import neurobench
from snn_functional._version import __version__
from snn_functional.acc import accuracy_membrane, accuracy_rate, accuracy_temporal
from snn_functional.diagnosis import diagnose
from snn_functional.loss import (
    LossFunctions,
    ce_count_loss,
    ce_max_membrane_loss,
    ce_membrane_loss,
    ce_rate_loss,
    ce_temporal_loss,
    mse_count_loss,
    mse_membrane_loss,
    mse_temporal_loss,
    tet_loss,
)
from snn_functional.probe import (
    AttributeMonitor,
    BaseMonitor,
    GradInputMonitor,
    GradOutputMonitor,
    InputMonitor,
    OutputMonitor,
    unpack_len1_tuple,
)
from snn_functional.reg import l1_rate_sparsity, rate_band_loss
from snn_functional.statistics import (
    dead_neurons,
    firing_rate,
    saturated_neurons,
    sparsity,
    synops,
    synops_energy,
)
from snn_functional.stdp_learner import MSTDPETLearner, MSTDPLearner, STDPLearner

__all__ = [
    "acc",
    "loss",
    "reg",
    "backprop",
    "online",
    "quant",
    "probe",
    "sklearn",
    "statistics",
    "stdp_learner",
    "diagnosis",
    "LossFunctions",
    "ce_rate_loss",
    "ce_count_loss",
    "ce_max_membrane_loss",
    "ce_membrane_loss",
    "mse_count_loss",
    "mse_membrane_loss",
    "mse_temporal_loss",
    "ce_temporal_loss",
    "tet_loss",
    "accuracy_rate",
    "accuracy_temporal",
    "accuracy_membrane",
    "l1_rate_sparsity",
    "rate_band_loss",
    "Activity",
    "BaseMonitor",
    "OutputMonitor",
    "InputMonitor",
    "AttributeMonitor",
    "GradInputMonitor",
    "GradOutputMonitor",
    "unpack_len1_tuple",
    "STDPLearner",
    "MSTDPLearner",
    "MSTDPETLearner",
    "firing_rate",
    "sparsity",
    "dead_neurons",
    "saturated_neurons",
    "synops",
    "synops_energy",
    "diagnose",
    "early_exit",
    "energy",
    "neurobench",
    "summary",
    "fit",
    "baselines",
    "from_ann",
    "QCFS",
    "__version__",
]

if not TYPE_CHECKING:  # a type checker would accept any name
    __getattr__ = explains(__name__)
