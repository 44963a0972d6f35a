"""The state before a step: completed by zeros, kept from the last call, and shown as attributes, such as ``mem``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from snn_core.engines.dtypes import as_dtype, computing_dtype
from snn_core.neuron.state_function import shown


def kept_field(name: str) -> property:
    """Return a property that reads and writes a kept state as an attribute of its neuron."""

    def read(neuron: Any) -> Tensor:
        record = shown(neuron)
        if record is not None:
            return getattr(record.state, name)
        neuron._touch("reads")
        return getattr(neuron._kept or neuron._at_rest(), name)

    def write(neuron: Any, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{type(neuron).__name__}: the state {name!r} must be a tensor, got {type(value).__name__} {value!r}; "
                "snn.utils.reset(net) puts neurons at rest"
            )
        record = shown(neuron)
        if record is not None:
            record.state = record.state._replace(**{name: value})
            return
        neuron._touch("writes")
        neuron._goes_on = True
        neuron._keep((neuron._kept or neuron._at_rest())._replace(**{name: value}))

    return property(read, write, doc=f"The state ``{name}`` kept since the last step; of shape ``(0,)`` at rest.")


def must_fit(neuron: Any, kept: Any, x: Tensor) -> None:
    """Raise unless the state kept from the neuron's last call fits the next input as it is."""
    shape, dtype = neuron.state_shape(x), computing_dtype(x)
    for name, value in zip(neuron.State._fields, kept, strict=True):
        if value.shape != (0,) and (value.shape, value.dtype, value.device) != (shape, dtype, x.device):
            in_two_places = value.shape[:1] == shape[:1] and value.shape != shape
            remedy = ", and make a neuron for each place if the net has this one in two" if in_two_places else ""
            raise ValueError(
                f"{type(neuron).__name__} keeps a state {name!r} of shape {tuple(value.shape)} ({value.dtype}, "
                f"{value.device}) from its last call, but this input takes {tuple(shape)} ({dtype}, {x.device}); "
                f"call snn.utils.reset(net) before a new batch or sequence{remedy}"
            )


def complete(neuron: Any, x: Tensor, state: Any) -> Any:
    """Return a state in which every field is a tensor that fits one step's input ``x``; zeros mean at rest."""
    fields = neuron.State._fields
    if not fields:
        raise TypeError(
            f"{type(neuron).__name__} declares no State, so only its own forward can run a step: call the neuron, or "
            "run all steps with snn.unroll(net, xs)"
        )
    if state is None:
        state = (None,) * len(fields)
    if not isinstance(state, tuple) or len(state) != len(fields):
        raise TypeError(f"{type(neuron).__name__} takes a State({', '.join(fields)}) or None, got {state!r:.100}")
    shape, dtype = neuron.state_shape(x), computing_dtype(x)
    return neuron.State._make([_completed(neuron, n, v, x, shape, dtype) for n, v in zip(fields, state, strict=True)])


def _completed(neuron: Any, name: str, value: Any, x: Tensor, shape: torch.Size, dtype: torch.dtype) -> Tensor:
    if value is None or (isinstance(value, Tensor) and value.shape == (0,)):
        return torch.zeros_like(x, dtype=dtype) if shape == x.shape else x.new_zeros(shape, dtype=dtype)
    owner = type(neuron).__name__
    if not isinstance(value, Tensor):
        raise TypeError(f"{owner}: the state {name!r} must be a tensor or None, got {type(value).__name__}")
    if value.device != x.device:
        raise ValueError(
            f"{owner}: the state {name!r} is on {value.device} and the input on {x.device}; move one to the other"
        )
    if value.dtype not in (dtype, x.dtype):
        raise TypeError(
            f"{owner}: the state {name!r} is {value.dtype} and the input {x.dtype}; pass {name}.to({dtype})"
        )
    if value.numel() == 1 and value.shape != shape:
        return as_dtype(value, dtype).reshape(()).expand(shape)
    if value.shape != shape:
        raise ValueError(
            f"{owner}: the state {name!r} has shape {tuple(value.shape)}, but input of shape {tuple(x.shape)} takes "
            f"{tuple(shape)}; pass None to start at rest"
        )
    return as_dtype(value, dtype)


def each(fn: Callable[[Tensor], Any], kept: Any) -> Any:
    """Return a state with a function applied to each tensor; None and a number stay as they are."""
    if not isinstance(kept, tuple):
        return kept
    mapped = (fn(value) if isinstance(value, Tensor) else value for value in kept)
    return getattr(kept, "_make", tuple)(mapped)
