"""Former module paths of classes, to which older pickles of whole modules refer."""

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
    """Let ``snn_nir.graph_module`` and the other paths of up to 0.5 refer to the present modules."""
    for former, path in _PATHS.items():
        sys.modules[f"snn_nir.{former}"] = sys.modules[f"snn_nir.{path}"]
