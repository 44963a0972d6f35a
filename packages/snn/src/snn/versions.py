"""The list of our packages, and the versions of installed distributions."""

from __future__ import annotations

import platform
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["PIECES", "behind", "needs_of", "version"]

PIECES = (
    "snn",
    "snn-core",
    "snn-spikegen",
    "snn-functional",
    "snn-models",
    "snn-plot",
    "snn-nir",
    "snn-data",
    "snn-export",
    "snn-cpu",
    "snn-ipu",
    "snn-triton",
)


def version(distribution: str) -> str | None:
    """Return the installed version of a distribution, or None if it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def needs_of(distribution: str, extra: str = "") -> list[Requirement]:
    """Return the requirements of an installed distribution in this environment, with those of an extra."""
    needs = map(Requirement, metadata.requires(distribution) or ())
    return [need for need in needs if need.marker is None or need.marker.evaluate({"extra": extra})]


def behind(requirement: str) -> dict[str, str]:
    """Return the exact versions of Python, the platform and everything that a requirement installs, directly or not."""
    seen: dict[str, str] = {}
    requested: set[tuple[str, str]] = set()
    queue = [Requirement(requirement)]
    while queue:
        need = queue.pop()
        name, installed = canonicalize_name(need.name), version(need.name)
        if installed is None:
            continue
        seen[name] = installed
        for key in {(name, extra) for extra in ("", *need.extras)} - requested:
            requested.add(key)
            queue += needs_of(*key)
    return {"python": platform.python_version(), "platform": platform.platform()} | dict(sorted(seen.items()))
