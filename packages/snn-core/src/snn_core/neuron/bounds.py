"""Learned constants that stay inside a range."""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

Module = TypeVar("Module", bound=nn.Module)


class Bounded(nn.Module):
    r"""Parametrization of a constant by the logistic function, :math:`c = l + (h - l)\,\sigma(r)` with r learned.

    Source: Fang et al., Incorporating Learnable Membrane Time Constant (2021).
    """

    def __init__(self, low: float = 0.0, high: float = 1.0) -> None:
        super().__init__()
        if not high > low:
            raise ValueError(f"Bounded: high must be greater than low, got {low=}, {high=}")
        self.low = low
        self.high = high

    def forward(self, raw: Tensor) -> Tensor:
        """Return the constant for a raw value."""
        share = torch.sigmoid(raw)
        return share if (self.low, self.high) == (0, 1) else self.low + (self.high - self.low) * share

    def right_inverse(self, value: Tensor) -> Tensor:
        """Return the raw value for a constant, which must be inside the range, its ends excluded."""
        share = (value - self.low) / (self.high - self.low)
        if not share.is_meta and not bool(((share > 0) & (share < 1)).all()):
            raise ValueError(
                f"Bounded: a constant must be between {self.low} and {self.high}, both excluded, got {value}"
            )
        return torch.logit(share)


def bounded(neuron: Module, *names: str, low: float = 0.0, high: float = 1.0) -> Module:
    """Keep learned constants of a neuron inside a range, whatever the optimizer does.

    A clamped decay has no gradient once it has left [0, 1], and never returns. A bounded one approaches the ends and
    always has a gradient. The constants keep their values, are learned from now on, and appear in the ``state_dict`` as
    ``parametrizations.<name>.original``. Call this function before you create the optimizer. For a decay between 0 and
    1, the option ``learn_beta="bounded"`` of the constructor does the same. A step of the parameter moves the constant
    less than a plain one, so give it a larger learning rate.

    Args:
        neuron: The neuron, changed in place.
        names: Its constants, such as ``"beta"``.
        low: Lower end of the range.
        high: Upper end of the range.

    Returns:
        The neuron.

    Raises:
        ValueError: If no name is given, the neuron has no such constant, or its value is not inside the range.

    Example:
        >>> import snn_core as snn
        >>> lif = snn.bounded(snn.Leaky(beta=0.9), "beta")
        >>> with torch.no_grad():
        ...     lif.parametrizations.beta.original += 5.0
        >>> bool(0.9 < lif.beta < 1)
        True
    """
    names = tuple(dict.fromkeys(names))
    twice = [f"{name} ({ends.low:g}..{ends.high:g})" for name in names if (ends := bounds_of(neuron, name)) is not None]
    if twice:
        raise ValueError(
            f"bounded: {', '.join(twice)} of {type(neuron).__name__} is bounded already; build a new neuron"
        )
    constants = dict(neuron.named_parameters(recurse=False)) | dict(neuron.named_buffers(recurse=False))
    if not names or any(name not in constants for name in names):
        raise ValueError(
            f"bounded takes names of constants of {type(neuron).__name__} ({', '.join(constants)}), got "
            f"{', '.join(names) or 'none'}"
        )
    parametrization = Bounded(low, high)
    for name in names:
        try:
            parametrization.right_inverse(constants[name].detach())  # raises before anything is changed
        except ValueError as error:
            raise ValueError(f"{type(neuron).__name__}: {name} cannot be bounded: {error}") from None
    for name in names:
        neuron._buffers.pop(name, None)
        neuron.register_parameter(name, nn.Parameter(constants[name].detach()))
        parametrized(neuron, name, Bounded(low, high))
    return neuron


def bounds_of(neuron: nn.Module, name: str) -> Bounded | None:
    """Return the parametrization that keeps a constant in a range, or None if there is none."""
    steps: Any = getattr(neuron, "parametrizations", {})
    return next((step for step in steps[name] if isinstance(step, Bounded)), None) if name in steps else None


def bounded_otherwise(neuron: nn.Module, prefix: str, names: Collection[str]) -> list[str]:
    """List, in words, the constants that either a neuron or a ``state_dict`` with these names keeps in a range."""
    computed: Any = getattr(neuron, "parametrizations", {})
    faults = []
    for name, _ in [*neuron.named_parameters(recurse=False), *neuron.named_buffers(recurse=False)]:
        if f"{prefix}parametrizations.{name}.original" in names:
            remedy = f"call snn.bounded(neuron, {name!r}), with the same range, or build it with learn_{name}='bounded'"
            faults.append(f"{prefix + name!r} is kept in a range in the file and not in the net: {remedy}")
    for name in computed:
        if prefix + name in names:
            remedy = f"build the neuron without the range, load, and then call snn.bounded(neuron, {name!r})"
            faults.append(f"{prefix + name!r} is kept in a range in the net and not in the file: {remedy}")
    return faults


def parametrized(module: nn.Module, name: str, step: nn.Module) -> None:
    """Let torch compute a tensor of a module, which keeps the name of its class in errors and when it is printed."""
    parametrize.register_parametrization(module, name, step)
    kind, original = type(module), parametrize.type_before_parametrizations(module)
    kind.__name__, kind.__qualname__, kind.__module__ = original.__name__, original.__qualname__, original.__module__


class Parametrizable(nn.Module):
    """A module that can be pickled, and whose copies are independent, even if torch computes tensors of it.

    torch makes a class for each parametrized module, which no other process can import, and copies share that class.
    Here the class from before is stored, and a copy gets its own.
    """

    def __reduce_ex__(self, protocol: Any) -> Any:
        if not parametrize.is_parametrized(self):
            return super().__reduce_ex__(protocol)
        kind: Any = parametrize.type_before_parametrizations(self)
        return _empty, (kind,), kind.__getstate__(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        kind: Any = parametrize.type_before_parametrizations(self)
        twin = memo[id(self)] = _empty(kind)
        twin.__setstate__(copy.deepcopy(kind.__getstate__(self), memo))
        return twin

    def __setstate__(self, state: dict[str, Any]) -> None:
        modules = dict(state["_modules"])
        computed = modules.pop("parametrizations", None)
        super().__setstate__(state | {"_modules": modules} if computed else state)
        for name, steps in (computed or {}).items():
            self.register_parameter(name, nn.Parameter(torch.empty(0)))  # only holds the place
            parametrized(self, name, nn.Identity())
            self.get_submodule("parametrizations").register_module(name, steps)


def _empty(kind: Any) -> Any:
    """Return a module of a class without anything in it."""
    return kind.__new__(kind)
