"""Former paths of classes, by which a net that was pickled whole names them."""

from __future__ import annotations

import sys

_FOLDERS = {
    "neurons": (
        "alpha associative bntt deltaleaky gradedspikes lapicque leaky leakyparallel linearleaky rleaky rsynaptic "
        "sconv2dlstm slstm stateleaky synaptic"
    ),
    "neuron": "recurrence reset",
}


def keep_former_paths() -> None:
    """Let ``snn_core.leaky`` and the like, where classes stood up to 0.5, name the modules that hold them now."""
    for folder, names in _FOLDERS.items():
        for name in names.split():
            sys.modules[f"snn_core.{name}"] = sys.modules[f"snn_core.{folder}.{name}"]
