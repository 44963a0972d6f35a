"""The state that a module keeps: its fields as attributes, such as ``mem``, and whether it fits the next input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from snn_core.engines.dtypes import computing_dtype
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


def each(fn: Callable[[Tensor], Any], kept: Any) -> Any:
    """Return a state with a function applied to each tensor; None and a number stay as they are."""
    if not isinstance(kept, tuple):
        return kept
    mapped = (fn(value) if isinstance(value, Tensor) else value for value in kept)
    return getattr(kept, "_make", tuple)(mapped)
