"""The installed targets and kernels, and the schedule and kernels that ``unroll`` chooses for a net."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from typing import Any

from torch import Tensor, nn

from snn_core.backends.target import API, BackendError, Target
from snn_core.engines import registry as kernels
from snn_core.results import Result
from snn_core.sequence.layers import known_ahead
from snn_core.sequence.recorded import recorded_ahead
from snn_core.sequence.schedule import Schedule

_GROUP = "snn.backends"
_KNOWN = {"ipu": "snn-ipu"}  # the distribution that provides each target of this project


@dataclass(frozen=True, repr=False)
class Status(Result):
    """An installed backend, a ``"target"`` or a ``"kernel"``; ``ok`` is True if it runs here, ``reason`` tells why."""

    name: str
    kind: str
    ok: bool
    reason: str


_REFERENCE = Status("reference", "kernel", True, "runs every neuron on every device, with plain torch operations")


def names() -> list[str]:
    """List the names of the installed targets, sorted, without importing any.

    Example:
        >>> "loopback" in names()
        True
    """
    return sorted({entry.name for entry in metadata.entry_points(group=_GROUP)})


def get(name: str) -> Target:
    """Return a target by its name.

    Args:
        name: One of :func:`names`.

    Returns:
        The target, which may be unavailable here; ask its ``availability()``.

    Raises:
        ValueError: If no target of this name is installed.
        BackendError: If it cannot be loaded, or implements another version of the interface.

    Example:
        >>> get("loopback").availability().ok
        True
    """
    entries = list(metadata.entry_points(group=_GROUP, name=name))
    if not entries:
        install = f"; pip install {_KNOWN[name]}" if name in _KNOWN else ""
        raise ValueError(f"no backend {name!r} is installed, only {', '.join(names()) or 'none'}{install}")
    if len({entry.value for entry in entries}) > 1:
        raise BackendError(
            f"backend {name!r} is offered by {', '.join(e.value for e in entries)}; uninstall all but one"
        )
    try:
        target: Any = entries[0].load()
        target = target() if isinstance(target, type) else target
    except Exception as error:  # a third party's package may raise anything at import
        raise BackendError(f"backend {name!r} ({entries[0].value}) cannot be loaded: {_say(error)}") from error
    if not isinstance(target, Target):
        raise BackendError(f"backend {name!r} ({entries[0].value}) lacks api, availability, check or compile")
    if target.api != API:
        raise BackendError(
            f"backend {name!r} has interface version {target.api}, but this snn-core needs {API}; upgrade the older one"
        )
    return target


def status() -> list[Status]:
    """List every installed target and package of kernels, and why it runs here or does not; never raise.

    Example:
        >>> [s.ok for s in status() if s.name == "loopback"]
        [True]
    """
    fused = [Status(name, "kernel", ok, why) for name, ok, why in kernels.status()]
    return [*map(_target, names()), *fused, _REFERENCE]


def _target(name: str) -> Status:
    try:
        availability = get(name).availability()
    except BackendError as error:
        return Status(name, "target", False, str(error))
    except Exception as error:  # availability() must not raise, but a third party's might
        return Status(name, "target", False, f"availability() raised {_say(error)}")
    return Status(name, "target", availability.ok, availability.reason)


def _say(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def explain(net: nn.Module, xs: Tensor) -> Schedule:
    r"""Return the schedule that ``unroll(net, xs)`` follows and the kernel of each layer, with the reasons.

    The net does not change. A step of zeros runs through its layers, to see what each neuron will receive; if the net
    has a ``forward`` of its own, a copy of the net runs the first steps instead.

    Args:
        net: A net.
        xs: Its input, ``[T, batch, ...]``.

    Returns:
        The schedule; printed, it reads as a table.

    Raises:
        TypeError: If ``net`` is not a module or ``xs`` is not a tensor.
        ValueError: If there is no time step.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Dropout(), snn.Leaky(beta=0.9, init_hidden=True))
        >>> print(*str(explain(net, torch.zeros(5, 1, 3))).splitlines()[:2], sep="\n")
        layer by layer: 1 draws random numbers ahead; all others see all steps at once
          0  Dropout: before the sequence, one step after another (draws random numbers)
    """
    if not isinstance(net, nn.Module):
        raise TypeError(f"explain takes a net (nn.Module), got {type(net).__name__}")
    if not isinstance(xs, Tensor):
        raise TypeError(f"explain takes a tensor xs[T, batch, ...], got {type(xs).__name__}")
    if xs.dim() == 0 or xs.shape[0] == 0:
        raise ValueError(f"explain takes xs[T, batch, ...] with T >= 1 steps, got shape {tuple(xs.shape)}")
    return known_ahead(net, xs) or recorded_ahead(net, xs)
