"""Former module paths of classes, which older pickles of whole modules name."""

from __future__ import annotations

import sys

_PATHS = {
    "carried": "running.signals",
    "flattening": "graphs.flattening",
    "graph_module": "running.graph_module",
    "time_step": "importing.time_step",
    "wiring": "running.wiring",
}


def keep_former_paths() -> None:
    """Make ``snn_nir.graph_module`` and the like, the modules of classes up to 0.5, point to the present ones."""
    for former, path in _PATHS.items():
        sys.modules[f"snn_nir.{former}"] = sys.modules[f"snn_nir.{path}"]
