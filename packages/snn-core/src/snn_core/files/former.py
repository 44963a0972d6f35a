"""Former module paths of classes, to which older pickles of whole nets refer."""

from __future__ import annotations

import sys

_NEURONS = (
    "alpha associative bntt deltaleaky gradedspikes lapicque leaky leakyparallel linearleaky rleaky rsynaptic "
    "sconv2dlstm slstm stateleaky synaptic"
)
_PATHS = {name: f"neurons.{name}" for name in _NEURONS.split()}
_PATHS |= {"recurrence": "neuron.recurrence", "reset": "neuron.resetting"}
_PATHS |= {"surrogate.stochastic": "surrogate.custom", "surrogate.applied": "surrogate"}


def keep_former_paths() -> None:
    """Make former paths such as ``snn_core.leaky``, in use up to 0.5, lead to the modules that define the classes."""
    for former, path in _PATHS.items():
        sys.modules[f"snn_core.{former}"] = sys.modules[f"snn_core.{path}"]
