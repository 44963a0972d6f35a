"""Export and import of spiking networks in the Neuromorphic Intermediate Representation (NIR)."""

from snn_nir import codes, export_nir, import_nir, primitives
from snn_nir._version import __version__
from snn_nir.checking.advice import Advice, advise
from snn_nir.checking.check import Finding, check
from snn_nir.checking.fidelity import Fidelity, fidelity
from snn_nir.checking.predicting import Prediction, predict
from snn_nir.codes import NIRError, NIRWarning
from snn_nir.export_nir import export_to_nir
from snn_nir.exporting import NeuronDrawing, register, to_nir
from snn_nir.files.former import keep_former_paths
from snn_nir.files.hdf5_tree import Limits
from snn_nir.files.reading import read
from snn_nir.files.writing import write
from snn_nir.graphs.differences import Difference, diff
from snn_nir.graphs.int8 import to_int8
from snn_nir.graphs.shapes import infer
from snn_nir.graphs.text import to_mermaid, to_text
from snn_nir.import_nir import import_from_nir
from snn_nir.importing.conversion import from_nir
from snn_nir.importing.discretization import decay, discretized_decay, rise
from snn_nir.importing.time_step import TimeStep
from snn_nir.running.graph_module import GraphModule
from snn_nir.running.signals import GraphState

__all__ = [
    "Advice",
    "Difference",
    "Fidelity",
    "Finding",
    "GraphModule",
    "GraphState",
    "Limits",
    "NIRError",
    "NIRWarning",
    "NeuronDrawing",
    "Prediction",
    "TimeStep",
    "__version__",
    "advise",
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
    "register",
    "rise",
    "to_int8",
    "to_mermaid",
    "to_nir",
    "to_text",
    "write",
]

keep_former_paths()
