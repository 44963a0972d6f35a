"""Arrays from tensors, and checks of values for a node's equation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nir
import numpy as np
import torch
from torch import Tensor

from snn_nir.codes import NIRError, refusal
from snn_nir.graphs.fields import PRIMITIVES, type_name, walk

_POSITIVE = frozenset({"tau", "tau_mem", "tau_syn"})


def array_of(value: Tensor, dtype: torch.dtype | None = None) -> np.ndarray:
    """Return a tensor's numbers, even if it is a lazy negative or conjugate, which NumPy cannot represent.

    The array may share the tensor's memory.
    """
    return value.detach().to("cpu", dtype).resolve_conj().resolve_neg().numpy()


def as_array(value: Any) -> np.ndarray:
    """Return a tensor's numbers, or NumPy's array of anything else."""
    return array_of(value) if isinstance(value, Tensor) else np.asarray(value)


def without_batch(array: np.ndarray, axes: int) -> np.ndarray:
    """Drop leading axes of length 1 from an array that has more than this many axes."""
    while array.ndim > axes and array.shape[0] == 1:
        array = array[0]
    return array


def with_axes(array: np.ndarray, axes: int) -> np.ndarray:
    """Append axes of length 1 until an array has this many axes."""
    return array.reshape(array.shape + (1,) * (axes - array.ndim))


def check_values(graph: nir.NIRGraph) -> None:
    """Refuse values that are not finite, time constants that are not positive and negative delays."""
    for error in bad_values(graph):
        raise error


def bad_values(graph: nir.NIRGraph) -> Iterator[NIRError]:
    """Yield the errors of :func:`check_values`, one per field."""
    for path, node in walk(graph):
        if isinstance(node, nir.NIRGraph):
            continue
        for field, (kind, _) in PRIMITIVES[type_name(node, path)].items():
            if kind == "values":
                error = _first_bad(np.asarray(getattr(node, field)), field, f"node {path!r}, {field}")
                if error is not None:
                    yield error


def _first_bad(array: np.ndarray, field: str, where: str) -> NIRError | None:
    too_small = array <= 0 if field in _POSITIVE else array < 0 if field == "delay" else np.False_
    for code, bad in (("NIR207", ~np.isfinite(array)), ("NIR208", too_small)):
        if bad.any():
            place = tuple(int(index) for index in np.argwhere(bad)[0])
            return refusal(code, where, f"{array[place]} at {list(place)}")
    return None
