"""The targets and kernels that are installed, found by entry points."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from typing import Any

from snn_core import kernels
from snn_core.backends.target import API, BackendError, Target

_GROUP = "snn.backends"
_KNOWN = {"ipu": "snn-ipu"}  # targets of this project by the distribution that brings them


@dataclass(frozen=True)
class Status:
    """One installed backend: ``kind`` is ``"target"`` or ``"kernel"``; ``ok`` whether it runs here, and why."""

    name: str
    kind: str
    ok: bool
    reason: str


_REFERENCE = Status("reference", "kernel", True, "runs every neuron on every device, by plain torch operations")


def names() -> list[str]:
    """List the names of the installed targets, sorted; nothing is imported.

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
        ValueError: If none of this name is installed.
        BackendError: If it does not load, or speaks another version of the interface.

    Example:
        >>> get("loopback").availability().ok
        True
    """
    found = list(metadata.entry_points(group=_GROUP, name=name))
    if not found:
        install = f"; pip install {_KNOWN[name]}" if name in _KNOWN else ""
        raise ValueError(f"no backend {name!r} is installed, only {', '.join(names()) or 'none'}{install}")
    if len({entry.value for entry in found}) > 1:
        raise BackendError(f"backend {name!r} is offered by {', '.join(e.value for e in found)}; uninstall all but one")
    try:
        target: Any = found[0].load()
        target = target() if isinstance(target, type) else target
    except Exception as error:  # whatever a third party's package raises at import
        raise BackendError(f"backend {name!r} ({found[0].value}) does not load: {_say(error)}") from error
    if not isinstance(target, Target):
        raise BackendError(f"backend {name!r} ({found[0].value}) lacks api, availability, check or compile")
    if target.api != API:
        raise BackendError(
            f"backend {name!r} speaks interface {target.api}, this snn-core {API}; upgrade the older one"
        )
    return target


def status() -> list[Status]:
    """List every installed target and package of kernels, with why it runs here or does not; never raise.

    Example:
        >>> [s.ok for s in status() if s.name == "loopback"]
        [True]
    """
    fused = [Status(name, "kernel", ok, why) for name, ok, why in kernels.status()]
    return [*map(_target, names()), *fused, _REFERENCE]


def _target(name: str) -> Status:
    try:
        found = get(name).availability()
    except BackendError as error:
        return Status(name, "target", False, str(error))
    except Exception as error:  # availability() must not raise, but a third party's may
        return Status(name, "target", False, f"availability() raised {_say(error)}")
    return Status(name, "target", found.ok, found.reason)


def _say(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
