"""Parameters that several nodes have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from snn_core.neuron.recurrence import OneToOne
from snn_nir.caller import warn_caller
from snn_nir.metadata import read_metadata

__all__ = ["share"]


def share(nodes: Mapping[str, Any], modules: Mapping[str, nn.Module | None]) -> None:
    """Make one parameter again of those that were one when the graph was exported.

    Args:
        nodes: The nodes, whose metadata says ``shared_with``: a node for each field.
        modules: Their modules, by the same names; changed in place. Values that differ by now stay apart, with a
            warning.

    Example:
        >>> import nir, torch
        >>> import numpy as np
        >>> tied = nir.Linear(np.ones((2, 2)), metadata={"snn_nir": {"shared_with": {"weight": "a"}}})
        >>> modules = {"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)}
        >>> _ = modules["b"].load_state_dict(modules["a"].state_dict())
        >>> share({"a": nir.Linear(np.ones((2, 2))), "b": tied}, modules)
        >>> modules["a"].weight is modules["b"].weight
        True
    """
    for name, node in nodes.items():
        tied = read_metadata(node).get("shared_with")
        if not isinstance(tied, Mapping):
            continue
        for field, other in tied.items():
            own, twin = modules.get(name), modules.get(str(other))
            mine, theirs = _parameter(own, str(field)), _parameter(twin, str(field))
            if mine is None or theirs is None:
                continue
            if own is not None and mine.shape == theirs.shape and bool((mine == theirs).all()):
                setattr(own, "V" if isinstance(own, OneToOne) else str(field), theirs)
            else:
                warn_caller("NIR304", f"node {name!r}", f"{field} was that of node {other!r} and is another")


def _parameter(module: nn.Module | None, field: str) -> nn.Parameter | None:
    value = getattr(module, "V" if isinstance(module, OneToOne) else field, None)
    return value if isinstance(value, nn.Parameter) else None
