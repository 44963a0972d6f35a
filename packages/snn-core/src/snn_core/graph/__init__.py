"""The calls of a net in one step, as they are recorded, and the rules for those that may take all steps at once.

These names are for packages that look at what a net calls; others import from ``snn_core``.
"""

from snn_core.graph.folding import Folding, folding_of
from snn_core.graph.node import Node, first_by_position, tensors_in
from snn_core.graph.observation import ModuleCall, Observation, in_backward, input_of, needs_all_steps
from snn_core.graph.planning import Record
from snn_core.graph.recorder import Recorder
from snn_core.graph.rules import computed_by
from snn_core.graph.steps import Function, Held, Named, NotSampleWise, Place, Step, Whole, value_of
from snn_core.graph.watching import Watch

__all__ = [
    "Folding",
    "Function",
    "Held",
    "ModuleCall",
    "Named",
    "Node",
    "NotSampleWise",
    "Observation",
    "Place",
    "Record",
    "Recorder",
    "Step",
    "Watch",
    "Whole",
    "computed_by",
    "first_by_position",
    "folding_of",
    "in_backward",
    "input_of",
    "needs_all_steps",
    "tensors_in",
    "value_of",
]
