"""Neurons at the private paths from which programs written for snnTorch import them, such as ``snn._neurons.leaky``."""

import sys

from snn._lazy import register_parts
from snn_core import (
    LIF,
    SLSTM,
    Alpha,
    AssociativeLeaky,
    DeltaLeaky,
    Lapicque,
    Leaky,
    LeakyParallel,
    LinearLeaky,
    RLeaky,
    RSynaptic,
    SConv2dLSTM,
    SpikingNeuron,
    StateLeaky,
    Synaptic,
)

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

_SINGLE = {*__all__} - {"AssociativeLeaky", "LIF", "SpikingNeuron"}
_PARTS = {name.lower(): name for name in _SINGLE} | {"associative": "AssociativeLeaky", "neurons": "LIF SpikingNeuron"}
register_parts(sys.modules[__name__], _PARTS)
