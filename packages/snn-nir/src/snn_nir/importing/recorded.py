"""The metadata of a node about the neuron that it comes from, used where it can be trusted."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from snn_core import surrogate
from snn_nir.codes import announce, refusal
from snn_nir.graphs.metadata import read_metadata
from snn_nir.graphs.values import without_batch

RESETS = "subtract", "zero", "none"
_AGREE = 1e-5
_OTHERWISE = {"Alpha": ("alpha", "beta"), "Lapicque": ("beta",)}  # constants that are not the decay of a node
_SURROGATES = {  # surrogates that a name and numbers define
    name: kind
    for name, kind in ((name, getattr(surrogate, name)) for name in surrogate.__all__)
    if issubclass(kind, surrogate.Surrogate) and name not in ("Surrogate", "custom_surrogate")
}


def firing_options(name: str, node: Any, reset: str | None) -> dict[str, Any]:
    """Return the reset and surrogate gradient of a spiking node, as keyword arguments of a neuron.

    The reset is the caller's choice, else the recorded one, else NIR's, which is to a value in the same step.
    """
    metadata = read_metadata(node)
    mechanism = reset or metadata.get("reset", "zero")
    if mechanism not in RESETS:
        raise refusal("NIR305", f"node {name!r}", repr(mechanism))
    delay = mechanism == metadata.get("reset") and bool(metadata.get("reset_delay", False))
    return {"reset_mechanism": mechanism, "reset_delay": delay, "spike_grad": surrogate_of(name, node)}


def surrogate_of(name: str, node: Any) -> Any:
    """Return the recorded surrogate gradient, or None; warn if there is none with that name."""
    metadata = read_metadata(node)
    if "spike_grad" not in metadata:
        return None
    kind, params = str(metadata["spike_grad"]), np.atleast_1d(metadata.get("spike_grad_params", [])).tolist()
    try:
        names = [field.name for field in fields(_SURROGATES[kind])]
        return _SURROGATES[kind](**dict(zip(names[: len(params)], params, strict=True)))
    except (KeyError, TypeError, ValueError):
        announce("NIR304", f"node {name!r}", f"no surrogate {kind}{tuple(params)}, atan() is used")
        return None


def constant(name: str, node: Any, field: str, value: np.ndarray) -> np.ndarray:
    """Return a constant of a neuron as recorded, exact and in its original shape, if the node's own fields agree.

    Without a record, or with a warning if the fields disagree, it is ``value``, as a single number if all neurons have
    the same value.
    """
    record = read_metadata(node)
    text = record.get(field)
    if text is None or field in _OTHERWISE.get(str(record.get("class")), ()):
        return _common(value)
    (exact,) = numbers(text)
    if agree(exact, value, decays=field in ("alpha", "beta")):
        return exact
    announce("NIR304", f"node {name!r}", f"{field} was {np.ravel(text)[:3]} and is {np.ravel(value)[:3]}")
    return _common(value)


def numbers(*recorded: Any) -> list[np.ndarray]:
    """Return recorded constants as float64; NaN, which agrees with nothing, unless all are numbers that broadcast."""
    try:
        arrays = [np.asarray(value, dtype=np.float64) for value in recorded]
        np.broadcast_shapes(*(array.shape for array in arrays))
    except (TypeError, ValueError):
        return [np.array(np.nan) for _ in recorded]
    return arrays


def agree(recorded: np.ndarray, value: np.ndarray, *, decays: bool = False, rtol: float = _AGREE) -> bool:
    """Return True if recorded constants are the values that follow from a node's fields, up to the fields' rounding.

    Recorded ones may have axes of length 1 for the batch. ``decays`` says that both are decays per step, whose time
    constants depend on how far they are from 1; other constants may differ by ``rtol`` of their size.
    """
    try:
        recorded = np.broadcast_to(without_batch(recorded, value.ndim), value.shape)
    except ValueError:
        return False
    if not decays:
        return bool(np.allclose(recorded, value, rtol=rtol, atol=0))
    least = np.where(recorded == 1, 2.0**-24, 2.0**-52)  # the longest time constant of a layer stands for a decay of 1
    return bool((np.abs(recorded - value) <= _AGREE * np.abs(1 - value) + least).all())


def _common(value: np.ndarray) -> np.ndarray:
    return np.array(value.flat[0]) if value.size and (value == value.flat[0]).all() else value


def learned(node: Any) -> set[str]:
    """Return the names of the constants that were parameters."""
    return set(str(read_metadata(node).get("learned", "")).split())
