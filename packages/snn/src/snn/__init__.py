"""Spiking neural networks in PyTorch: one namespace over the installed snn packages.

``import snn`` imports nothing else. A name is looked up in its package on first use; if the package is not installed,
the error names it. The names themselves are listed in ``__init__.pyi``.
"""

from snn import _lazy
from snn._installing import hint as _hint
from snn._version import __version__ as __version__

__getattr__, __dir__ = _lazy.forward(
    __name__,
    "snn_core",
    submodules={
        "_layers": "snn_core",
        "_neurons": "snn_core",
        "backends": "snn_core",
        "init": "snn_core",
        "kernels": "snn_core",
        "peer": "snn_core",
        "surrogate": "snn_core",
        "utils": "snn_core",
        "backprop": "snn_functional",
        "data": "snn_data",
        "export_nir": "snn_nir",
        "functional": "snn_functional",
        "import_nir": "snn_nir",
        "nir": "snn_nir",
        "plot": "snn_plot",
        "spikegen": "snn_spikegen",
        "spikeplot": "snn_plot",
        "zoo": "snn_data",
    },
    elsewhere={
        "export": "snn_export",
        **dict.fromkeys(("QCFS", "diagnose", "energy", "from_ann", "neurobench", "summary"), "snn_functional"),
    },
    unlisted={"LIF"},
    absent={
        "spikevision": lambda: f"data sets are in snn-data, as snn.data: {_hint('snn[data]')}",
    },
)
