"""The calls of a net in one step, as they are recorded, and the rules for those that may take all steps at once.

These names are for packages that look at what a net calls; others import from ``snn_core``.
"""

from snn_core.graph.ending import Ending
from snn_core.graph.folding import Folding, folding_of
from snn_core.graph.node import Node, first_by_position, tensors_in
from snn_core.graph.planning import Record
from snn_core.graph.recorder import Recorder
from snn_core.graph.steps import Function, Held, Named, Place, Product, Step, Whole, value_of
from snn_core.graph.watching import Watch

__all__ = [
    "Ending",
    "Folding",
    "Function",
    "Held",
    "Named",
    "Node",
    "Place",
    "Product",
    "Record",
    "Recorder",
    "Step",
    "Watch",
    "Whole",
    "first_by_position",
    "folding_of",
    "tensors_in",
    "value_of",
]
