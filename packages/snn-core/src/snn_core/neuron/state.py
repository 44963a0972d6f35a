"""The states of a neuron as a user passes, keeps and reads them: binding, checking, starting at rest."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["bind", "complete", "integrated", "kept_field", "must_fit"]


def bind(neuron: Any, states: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """The neuron's ``State`` from positional and named arguments; None for what was not passed."""
    fields, owner = neuron.State._fields, type(neuron).__name__
    if len(states) > len(fields):
        raise TypeError(f"{owner} takes the states {', '.join(fields)}, got {len(states)} of them")
    bound = dict(zip(fields, states, strict=False))
    for name, value in named.items():
        if name not in fields or name in bound:
            problem = "twice" if name in bound else "which it does not have"
            raise TypeError(f"{owner} got the state {name!r} {problem}; its states are {', '.join(fields)}")
        bound[name] = value
    return neuron.State._make([bound.get(name) for name in fields])


def complete(neuron: Any, x: Tensor, state: Any) -> Any:
    """A state with every field a tensor that fits one step's input ``x``; zeros for what is at rest."""
    fields = neuron.State._fields
    if state is None:
        state = (None,) * len(fields)
    if not isinstance(state, tuple) or len(state) != len(fields):
        raise TypeError(f"{type(neuron).__name__} takes a State({', '.join(fields)}) or None, got {state!r:.100}")
    shape = neuron.state_shape(x)
    return neuron.State._make([_completed(neuron, n, v, x, shape) for n, v in zip(fields, state, strict=True)])


def _completed(neuron: Any, name: str, value: Any, x: Tensor, shape: torch.Size) -> Tensor:
    if value is None or (isinstance(value, Tensor) and value.shape == (0,)):
        return torch.zeros_like(x) if shape == x.shape else x.new_zeros(shape)
    owner = type(neuron).__name__
    if not isinstance(value, Tensor):
        raise TypeError(f"{owner}: the state {name!r} must be a tensor or None, got {type(value).__name__}")
    if value.device != x.device:
        raise ValueError(
            f"{owner}: the state {name!r} is on {value.device} and the input on {x.device}; move one to the other"
        )
    if value.numel() == 1 and value.shape != shape:
        return value.to(x.dtype).reshape(()).expand(shape)
    if value.shape != shape:
        raise ValueError(
            f"{owner}: the state {name!r} has shape {tuple(value.shape)}, but input of shape {tuple(x.shape)} takes "
            f"{tuple(shape)}; pass None to start at rest"
        )
    if value.dtype != x.dtype:
        raise TypeError(
            f"{owner}: the state {name!r} is {value.dtype} and the input {x.dtype}; pass {name}.to({x.dtype})"
        )
    return value


def integrated(neuron: Any, x: Tensor, state: Any) -> Any:
    """What the neuron's equation makes of a state, which must be a state again."""
    try:
        new = neuron.integrate(x, state)
    except RuntimeError as error:
        unfit = [f"{name} of shape {tuple(one.shape)}" for name, one in _constants(neuron) if not _fits(one, x)]
        if not unfit:
            raise
        raise ValueError(
            f"{type(neuron).__name__}: {', '.join(unfit)} does not fit input of shape {tuple(x.shape)}; pass one "
            "number for all neurons, one for each, or one for each channel as (C, 1, 1)"
        ) from error
    if not isinstance(new, neuron.State):
        owner, fields = type(neuron).__name__, ", ".join(neuron.State._fields)
        raise TypeError(f"{owner}.integrate must return self.State({fields}), got {type(new).__name__}")
    return new


def _constants(neuron: Any) -> list[tuple[str, Tensor]]:
    return [*neuron.named_parameters(recurse=False), *neuron.named_buffers(recurse=False)]


def _fits(constant: Tensor, x: Tensor) -> bool:
    """Whether a constant broadcasts from the right against one step's input and leaves its shape."""
    sizes = zip(reversed(constant.shape), reversed(x.shape), strict=False)
    return constant.dim() <= x.dim() and all(size in (1, of_x) for size, of_x in sizes)


def must_fit(neuron: Any, kept: Any, x: Tensor) -> None:
    """Raise unless what the neuron keeps from its last call fits the next input as it is."""
    shape = neuron.state_shape(x)
    for name, value in zip(neuron.State._fields, kept, strict=True):
        if value.shape != (0,) and (value.shape, value.dtype, value.device) != (shape, x.dtype, x.device):
            raise ValueError(
                f"{type(neuron).__name__} keeps a state {name!r} of shape {tuple(value.shape)} ({value.dtype}, "
                f"{value.device}) from its last call, but this input takes {tuple(shape)} ({x.dtype}, {x.device}); "
                "call snn.utils.reset(net) before a new batch or sequence"
            )


def kept_field(index: int, name: str) -> property:
    """A kept state as an attribute of its neuron."""

    def read(neuron: Any) -> Tensor:
        neuron._touch("reads")
        return neuron.empty_state() if neuron._kept is None else neuron._kept[index]

    def write(neuron: Any, value: Tensor) -> None:
        neuron._touch("writes")
        rest = neuron.State._make([neuron.empty_state() for _ in neuron.State._fields])
        neuron._goes_on = True
        neuron._keep((rest if neuron._kept is None else neuron._kept)._replace(**{name: value}))

    return property(read, write, doc=f"The state ``{name}`` kept since the last step; of shape ``(0,)`` at rest.")
