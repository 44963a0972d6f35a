"""The list of our packages, and the versions of installed distributions."""

from __future__ import annotations

import platform
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["PIECES", "behind", "version"]

PIECES = (
    "snn",
    "snn-core",
    "snn-spikegen",
    "snn-functional",
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


def behind(requirement: str) -> dict[str, str]:
    """Return the exact versions of Python, the platform and everything that a requirement installs, directly or not.

    Example:
        >>> versions = behind("snn")
        >>> list(versions)[:2], "snn-core" in versions, "torch" in versions
        (['python', 'platform'], True, True)
    """
    seen: dict[str, str] = {}
    requested: set[tuple[str, str]] = set()
    queue = [Requirement(requirement)]
    while queue:
        need = queue.pop()
        name, installed = canonicalize_name(need.name), version(need.name)
        if installed is None:
            continue
        seen[name] = installed
        for extra in {"", *need.extras} - {extra for known, extra in requested if known == name}:
            requested.add((name, extra))
            further = [Requirement(text) for text in metadata.requires(need.name) or ()]
            queue += [
                requirement
                for requirement in further
                if requirement.marker is None or requirement.marker.evaluate({"extra": extra})
            ]
    return {"python": platform.python_version(), "platform": platform.platform()} | dict(sorted(seen.items()))
