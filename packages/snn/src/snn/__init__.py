"""Spiking neural networks in PyTorch: one namespace for the installed snn packages.

``import snn`` imports nothing else. A name is looked up in its package on first use; if the package is not installed,
the error names it. The names themselves are listed in ``__init__.pyi``.
"""

from snn import _lazy
from snn._installing import hint as _hint
from snn._version import __version__ as __version__

# The modules under this one, and those whose names they have. Their files are what type checkers and editors read.
_lazy.register(
    {
        **{f"snn.{name}": f"snn_core.{name}" for name in "backends init kernels peer surrogate utils".split()},
        **{f"snn.{name}": f"snn_nir.{name}" for name in "export_nir import_nir".split()},
        **{f"snn.{name}": f"snn_{name}" for name in "data functional models nir plot spikegen".split()},
        **{
            f"snn.functional.{name}": f"snn_functional.{name}"
            for name in "acc backprop diagnosis loss online probe quant reg sklearn statistics stdp_learner".split()
        },
        **dict.fromkeys(("snn._layers", "snn._neurons"), "snn_core"),
        "snn.backprop": "snn_functional.backprop",
        "snn.sklearn": "snn_functional.sklearn",
        "snn.spikeplot": "snn_plot",
        "snn.zoo": "snn_data.zoo",
    },
    {
        "snn.data": {"unlisted": {"DigitsSplit", "VowelsSplit", "fingerprint"}},
        "snn.kernels": {"unlisted": {"loop", "run"}},
        "snn.utils": {"elsewhere": {"data_subset": "snn_data", "valid_split": "snn_data"}},
    },
)

__getattr__, __dir__ = _lazy.forward(
    __name__,
    "snn_core",
    elsewhere={
        "export": "snn_export",
        **dict.fromkeys(
            ("QCFS", "baselines", "diagnose", "energy", "fit", "from_ann", "neurobench", "summary"), "snn_functional"
        ),
    },
    unlisted={"LIF"},
    absent={
        "spikevision": lambda: f"data sets are in snn-data, as snn.data: {_hint('snn[data]')}",
    },
)
