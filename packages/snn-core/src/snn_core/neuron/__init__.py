"""The base classes of neurons: steps and states, firing and reset, constants, recurrence.

These names are for packages that build on neurons; others import from ``snn_core``.
"""

from snn_core.neuron.bounds import Bounded
from snn_core.neuron.compiled import WRITES_OUT
from snn_core.neuron.firing import Firing
from snn_core.neuron.hints import other_dtype, time_first
from snn_core.neuron.kept import as_tensors, temporal_by_path
from snn_core.neuron.kept_state import complete, must_fit
from snn_core.neuron.makeup import constants_of
from snn_core.neuron.nonspiking import NonSpiking
from snn_core.neuron.other_names import explains
from snn_core.neuron.recurrence import OneToOne
from snn_core.neuron.temporal import Temporal, as_floating, current, temporal, watched
from snn_core.neuron.turns import Holding, States
from snn_core.neuron.whole_sequence import WholeSequence

__all__ = [
    "Bounded",
    "Firing",
    "Holding",
    "NonSpiking",
    "OneToOne",
    "States",
    "Temporal",
    "WRITES_OUT",
    "WholeSequence",
    "constants_of",
    "as_floating",
    "as_tensors",
    "complete",
    "current",
    "explains",
    "must_fit",
    "other_dtype",
    "temporal",
    "temporal_by_path",
    "time_first",
    "watched",
]
