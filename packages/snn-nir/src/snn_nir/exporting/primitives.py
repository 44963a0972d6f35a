"""Modules that run NIR's primitives, back to their nodes."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
from torch import Tensor

from snn_core.surrogate import Surrogate
from snn_nir import primitives
from snn_nir.codes import refusal
from snn_nir.exporting.drawing import Drawing, stored
from snn_nir.metadata import node_metadata

__all__ = ["draw_primitive"]

_TIMES = ("tau", "tau_syn", "tau_mem")
_FIELDS: dict[type, tuple[type, tuple[str, ...]]] = {
    primitives.I: (nir.I, ("r",)),
    primitives.IF: (nir.IF, ("r", "v_threshold", "v_reset")),
    primitives.LI: (nir.LI, ("tau", "r", "v_leak")),
    primitives.LIF: (nir.LIF, ("tau", "r", "v_leak", "v_threshold", "v_reset")),
    primitives.CubaLI: (nir.CubaLI, ("tau_syn", "tau_mem", "r", "v_leak", "w_in")),
    primitives.CubaLIF: (nir.CubaLIF, ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold", "v_reset", "w_in")),
    primitives.Threshold: (nir.Threshold, ("threshold",)),
    primitives.Scale: (nir.Scale, ("scale",)),
}
_ATTRIBUTES = {"v_threshold": "threshold", "tau_mem": "tau"}


def draw_primitive(module: Any, name: str, drawing: Drawing) -> Any:
    """The node of a module that runs a primitive; None for any other module.

    A module made for another step keeps its decay per step: its time constants are scaled.

    Args:
        module: The module.
        name: Its name.
        drawing: The graph.

    Returns:
        The node, without edges.

    Raises:
        NIRError: ``NIR402`` if the module was made for another method than the export's.

    Example:
        >>> import torch
        >>> from snn_nir.exporting.settings import Settings
        >>> integrator = primitives.I(r=torch.ones(1), dt=1.0)
        >>> draw_primitive(integrator, "i", Drawing(Settings(dt=0.5))).r
        array([2.], dtype=float32)
    """
    settings = drawing.settings
    if isinstance(module, primitives.Delay):
        return nir.Delay(stored(module.steps.double()) * settings.dt)
    if isinstance(module, primitives.BatchedLinear):
        weight = stored(module.weight)
        return nir.Linear(weight) if module.bias is None else nir.Affine(weight, stored(module.bias))
    if type(module) not in _FIELDS:
        return None
    kind, names = _FIELDS[type(module)]
    if getattr(module, "method", settings.method) != settings.method:
        found = f"it was made for method={module.method!r}, which is not the export's"
        raise refusal("NIR402", f"{name!r} ({type(module).__name__})", found, f"pass method={module.method!r}")
    stretch = settings.dt / module.dt if hasattr(module, "dt") else 1.0
    integrates = kind in (nir.I, nir.IF)
    fields = {}
    for field in names:
        value: Tensor = getattr(module, _ATTRIBUTES.get(field, field))
        factor = stretch if field in _TIMES else 1 / stretch if integrates and field == "r" else 1.0
        fields[field] = value if factor == 1 else value.double() * factor
    return kind(
        **{
            field: np.asarray(stored(value, getattr(module, _ATTRIBUTES.get(field, field)).dtype))
            for field, value in fields.items()
        },
        metadata=_firing_metadata(module, name, drawing),
    )


def _firing_metadata(module: Any, name: str, drawing: Drawing) -> dict[str, Any]:
    grad = getattr(module, "spike_grad", None)
    entries: dict[str, Any] = {"class": type(module).__name__}
    if isinstance(grad, Surrogate) and type(grad).__module__.startswith("snn_core.surrogate"):
        entries |= {
            "spike_grad": type(grad).__name__,
            "spike_grad_params": np.array(grad.params) if grad.params else None,
        }
    if hasattr(module, "v_reset") and module.reset_name != "zero":
        entries |= {"reset": module.reset_name, "reset_delay": module.reset_delay}
        drawing.notes.append(("NIR408", f"{name!r} ({type(module).__name__})", f"its reset {module.reset_name!r}"))
    return node_metadata(**entries)
