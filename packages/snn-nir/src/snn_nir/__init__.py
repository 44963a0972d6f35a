"""Spiking networks to and from the Neuromorphic Intermediate Representation (NIR)."""

from snn_nir import codes, export_nir, import_nir, primitives
from snn_nir._version import __version__
from snn_nir.carried import GraphState
from snn_nir.checking import Finding, check
from snn_nir.codes import NIRError, NIRWarning
from snn_nir.differences import Difference, diff
from snn_nir.discretisation import decay, discretized_decay, rise
from snn_nir.export_nir import export_to_nir
from snn_nir.exporting import to_nir
from snn_nir.fidelity import Fidelity, fidelity
from snn_nir.graph_module import GraphModule
from snn_nir.hdf5_tree import Limits
from snn_nir.import_nir import import_from_nir
from snn_nir.importing import from_nir
from snn_nir.int8 import to_int8
from snn_nir.predicting import Prediction, predict
from snn_nir.reading import read
from snn_nir.shapes import infer
from snn_nir.text import to_mermaid, to_text
from snn_nir.time_step import TimeStep
from snn_nir.writing import write

__all__ = [
    "Difference",
    "Fidelity",
    "Finding",
    "GraphModule",
    "GraphState",
    "Limits",
    "NIRError",
    "NIRWarning",
    "Prediction",
    "TimeStep",
    "__version__",
    "check",
    "codes",
    "decay",
    "diff",
    "discretized_decay",
    "export_nir",
    "export_to_nir",
    "fidelity",
    "from_nir",
    "import_from_nir",
    "import_nir",
    "infer",
    "predict",
    "primitives",
    "read",
    "rise",
    "to_int8",
    "to_mermaid",
    "to_nir",
    "to_text",
    "write",
]
