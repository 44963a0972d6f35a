"""Spiking neural networks in PyTorch: one namespace for the installed snn packages.

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
        **dict.fromkeys(
            ("_layers", "_neurons", "backends", "init", "kernels", "peer", "surrogate", "utils"), "snn_core"
        ),
        **dict.fromkeys(("backprop", "functional"), "snn_functional"),
        **dict.fromkeys(("data", "zoo"), "snn_data"),
        **dict.fromkeys(("export_nir", "import_nir", "nir"), "snn_nir"),
        **dict.fromkeys(("plot", "spikeplot"), "snn_plot"),
        "spikegen": "snn_spikegen",
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
