"""Statistics of recorded spikes: the activity of a net, and its cost."""

from snn_functional.statistics.activity import dead_neurons, firing_rate, saturated_neurons, sparsity
from snn_functional.statistics.energy import HOROWITZ_45NM, CostModel, synops_energy
from snn_functional.statistics.synops import SynapticOperations, SynopsCount, SynopsMonitor, synops

__all__ = [
    "firing_rate",
    "sparsity",
    "dead_neurons",
    "saturated_neurons",
    "synops",
    "SynopsMonitor",
    "SynopsCount",
    "SynapticOperations",
    "synops_energy",
    "CostModel",
    "HOROWITZ_45NM",
]
