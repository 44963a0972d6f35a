"""The two libraries under the peer's names, so that one case serves both."""

from __future__ import annotations

import importlib
import warnings
from types import SimpleNamespace

_MODULES = {
    "snn": {
        "functional": "snn_functional",
        "quant": "snn_functional.quant",
        "probe": "snn_functional.probe",
        "stdp_learner": "snn_functional.stdp_learner",
        "backprop": "snn_functional.backprop",
        "spikegen": "snn_spikegen",
        "utils": "snn_data",
        "neurons": "snn_core",
    },
    "snntorch": {
        "functional": "snntorch.functional",
        "quant": "snntorch.functional.quant",
        "probe": "snntorch.functional.probe",
        "stdp_learner": "snntorch.functional.stdp_learner",
        "backprop": "snntorch.backprop",
        "spikegen": "snntorch.spikegen",
        "utils": "snntorch.utils",
        "neurons": "snntorch",
    },
}
LIBRARIES = tuple(_MODULES)
"""Ours, and the library that it is compared with."""
DISTRIBUTIONS = {
    "snn": ("snn-functional", "snn-spikegen", "snn-data", "snn-core", "torch"),
    "snntorch": ("snntorch", "torch"),
}
"""Distributions whose versions are recorded."""


def imported(library: str) -> SimpleNamespace:
    """Import the modules of a library; ``utils`` are the splits of data sets.

    Example:
        >>> imported("snn").spikegen.__name__
        'snn_spikegen'
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the peer announces the end of a module on its import
        return SimpleNamespace(**{name: importlib.import_module(path) for name, path in _MODULES[library].items()})
