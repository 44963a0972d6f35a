"""Determine which of our distributions are installed with each one, from their declared requirements."""

from __future__ import annotations

from collections.abc import Collection

from packaging.requirements import Requirement
from packaging.version import Version

from release.ranges import floors
from workspace import PROJECTS

# extras that need their own environment; a session installs each and runs its tests
SESSIONS_OF_THEIR_OWN = {"snn-export": ("executorch", "onnx", "wasm"), "snn-functional": ("neurobench",)}


def closure(*requirements: str) -> set[str]:
    """Return our distributions that requirements install, through dependencies and extras; others are ignored.

    Raises:
        ValueError: If a requirement names an extra that the distribution does not have.

    Example:
        >>> sorted(closure("snn-cpu", "numpy>=1"))
        ['snn-core', 'snn-cpu']
        >>> closure("snn-core[fast]")
        Traceback (most recent call last):
        ValueError: snn-core[fast] asks snn-core for ['fast'], extras that it does not have
    """
    visited: set[tuple[str, str]] = set()
    queue = [Requirement(text) for text in requirements]
    while queue:
        requirement = queue.pop()
        if requirement.name not in PROJECTS or (requirement.marker and not requirement.marker.evaluate()):
            continue
        project = PROJECTS[requirement.name]
        if unknown := requirement.extras - project.get("optional-dependencies", {}).keys():
            raise ValueError(
                f"{requirement} asks {requirement.name} for {sorted(unknown)}, extras that it does not have"
            )
        for part in {"", *requirement.extras} - {extra for name, extra in visited if name == requirement.name}:
            visited.add((requirement.name, part))
            texts = project["optional-dependencies"][part] if part else project["dependencies"]
            queue += [Requirement(text) for text in texts]
    return {name for name, _ in visited}


def with_foreign_extras(package: str, without: Collection[str] = ()) -> str:
    """Return the requirement of a distribution with all extras that install nothing else of ours and have no session.

    The extras in ``without`` are left out.

    Example:
        >>> with_foreign_extras("snn-functional")
        'snn-functional[progress,sklearn]'
    """
    extras = PROJECTS[package].get("optional-dependencies", {})
    foreign = sorted(name for name, needs in extras.items() if closure(*needs) <= {package})
    chosen = [name for name in foreign if name not in (*without, *SESSIONS_OF_THEIR_OWN.get(package, ()))]
    return f"{package}[{','.join(chosen)}]" if chosen else package


def foreign_floors(package: str, extras: Collection[str] = ()) -> dict[str, Version]:
    """Return the oldest versions of other projects' distributions that one of ours, with some extras, declares.

    Example:
        >>> foreign_floors("snn-spikegen")
        {'torch': <Version('2.10')>}
    """
    project = PROJECTS[package]
    texts = [*project["dependencies"], *(text for extra in extras for text in project["optional-dependencies"][extra])]
    return {name: version for name, version in floors(map(Requirement, texts)).items() if name not in PROJECTS}


def short(names: Collection[str]) -> str:
    """Return a short name for a set of distributions, without the prefix that their names share.

    Example:
        >>> short(["snn", "snn-core"])
        'snn+core'
    """
    return "+".join(name.removeprefix("snn-") for name in names)
