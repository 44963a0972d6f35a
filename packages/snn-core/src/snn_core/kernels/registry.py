"""Which sequence operators there are, and which fused kernels offer to run them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["FAMILIES", "Family", "Kernel", "SequenceCall", "implementation", "register", "status", "unregister"]


@dataclass(frozen=True)
class SequenceCall:
    """Everything about a call of a sequence operator but its tensors' values.

    ``mixed`` says that a constant with axes has another dtype than the input, so that torch computes in the wider one.
    """

    family: str
    device: str
    dtype: torch.dtype
    mixed: bool
    reset: str
    reset_delay: bool
    surrogate: str
    params: tuple[float, ...]


@dataclass(frozen=True)
class Family:
    """A kind of neuron with a sequence operator.

    Args:
        neuron: Its class.
        parts: Its submodules, by name, with the class that each must be.
        constants: Names of the operator's tensors after the states, in order; ``part.name`` for a submodule's.
        weights: Those of them that are no constant of a single neuron.
        operator: The operator.
        steps: Its implementation by the neuron's own step: ``(call, x, states, constants, trace)`` to spikes and
            states, under autograd.
    """

    neuron: type
    parts: Mapping[str, type]
    constants: tuple[str, ...]
    weights: tuple[str, ...]
    operator: Callable[..., tuple[Tensor, ...]]
    steps: Callable[..., tuple[Tensor, ...]]


FAMILIES: dict[str, Family] = {}


class Kernel(Protocol):
    """A fused implementation of one or more families on one type of device."""

    name: str
    device: str

    def refuses(self, call: SequenceCall) -> str | None:
        """None to take the call, else the reason why not."""
        ...

    def forward(
        self,
        call: SequenceCall,
        x: Tensor,
        states: Sequence[Tensor],
        constants: Sequence[Tensor],
        trace: bool,
        save: bool,
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """The outputs, and with ``save`` what ``backward`` will want of them.

        The outputs are the spikes ``[T, ...]`` before their graded factor, then each state, last or traced.
        """
        ...

    def backward(
        self,
        call: SequenceCall,
        grads: Sequence[Tensor | None],
        x: Tensor,
        states: Sequence[Tensor],
        constants: Sequence[Tensor],
        saved: Sequence[Tensor],
        trace: bool,
        needs: Sequence[bool],
    ) -> tuple[Tensor | None, ...]:
        """Gradients of x, of each state and of each constant, given those of the outputs (None for zero).

        ``needs`` says of which; the others may be None.
        """
        ...


_KERNELS: dict[str, list[Kernel]] = {}


def register(family: str, kernel: Kernel) -> None:
    """Offer a fused kernel for a family of neurons; the one registered last is asked first.

    Args:
        family: Name of a sequence operator, such as ``"leaky"``.
        kernel: The implementation.

    Raises:
        ValueError: If there is no such family.

    Example:
        >>> import snn_core as snn
        >>> class Never:
        ...     name, device = "never", "meta"
        ...     def refuses(self, call):
        ...         return "made to refuse"
        >>> kernel = Never()
        >>> register("leaky", kernel)
        >>> snn.kernels.choose(snn.Leaky(beta=0.9), torch.zeros(2, 1, device="meta")).reason
        'never: made to refuse'
        >>> unregister("leaky", kernel)
    """
    if family not in FAMILIES:
        raise ValueError(f"no sequence operator {family!r} to give a kernel to; there are {', '.join(FAMILIES)}")
    _KERNELS.setdefault(family, []).insert(0, kernel)


def unregister(family: str, kernel: Kernel) -> None:
    """Take a kernel back.

    Raises:
        ValueError: If it is not registered for the family.

    Example:
        See :func:`register`.

        >>> unregister("leaky", None)
        Traceback (most recent call last):
        ValueError: kernel None is not registered for 'leaky'
    """
    if kernel not in _KERNELS.get(family, []):
        raise ValueError(f"kernel {getattr(kernel, 'name', None)!r} is not registered for {family!r}")
    _KERNELS[family].remove(kernel)


def implementation(call: SequenceCall) -> tuple[Kernel | None, str]:
    """The first kernel that takes the call, or None with the reasons of all."""
    _discover()
    refusals = []
    for kernel in _KERNELS.get(call.family, []):
        if kernel.device != call.device:
            continue
        why = kernel.refuses(call)
        if why is None:
            return kernel, ""
        refusals.append(f"{kernel.name}: {why}")
    return None, "; ".join(refusals) or f"no fused kernel for {call.family} on {call.device} is installed"


def status() -> list[tuple[str, bool, str]]:
    """Every installed package of kernels: its name, whether it loaded, and the reason or the families it serves.

    Example:
        >>> all(reason for _, _, reason in status())
        True
    """
    _discover()
    return sorted(_LOADED)


_LOADED: list[tuple[str, bool, str]] = []
_DISCOVERED: list[bool] = []


def _discover() -> None:
    """Call what is installed under the entry point group ``snn.kernels``, once a process.

    Each entry is a function without arguments that registers its kernels and returns ``(ok, reason)``.
    """
    if _DISCOVERED:  # and no functools.cache, which compilers warn of
        return
    _DISCOVERED.append(True)
    for entry in metadata.entry_points(group="snn.kernels"):
        try:
            ok, reason = entry.load()()
        except Exception as error:  # whatever a third party's package raises must not stop the reference from running
            ok, reason = False, f"{type(error).__name__}: {error}"
        _LOADED.append((entry.name, ok, reason))
