"""Export the trees of releases, and choose versions that go together by their ranges."""

from __future__ import annotations

import email
import pathlib
import subprocess
import zipfile
from collections.abc import Mapping
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.version import Version


class UnfitError(ValueError):
    """An error: no choice of the given wheels is within all declared ranges."""


class Built(NamedTuple):
    """A wheel, its version, and what it requires without any extra."""

    wheel: pathlib.Path
    version: Version
    requires: tuple[Requirement, ...]


class Choice(NamedTuple):
    """One wheel for each distribution, and why some are not the preferred ones."""

    wheels: dict[str, pathlib.Path]
    apart: dict[str, str]


def export(repository: pathlib.Path, commit: str, into: pathlib.Path) -> None:
    """Write the tree of a commit to a folder.

    Raises:
        ValueError: If the repository does not have that commit.
    """
    if subprocess.run(["git", "cat-file", "-e", commit], cwd=repository, capture_output=True, check=False).returncode:
        raise ValueError(f"commit {commit} is not in this clone: git fetch --unshallow fetches what is missing")
    into.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", commit], cwd=repository, stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(into)], input=archive, check=True)


def read(wheel: pathlib.Path) -> Built:
    """Return the facts that a wheel states about itself."""
    with zipfile.ZipFile(wheel) as files:
        (name,) = (entry for entry in files.namelist() if entry.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(files.read(name))
    requires = map(Requirement, metadata.get_all("Requires-Dist", []))
    plain = tuple(
        requirement
        for requirement in requires
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    )
    return Built(wheel, Version(str(metadata["Version"])), plain)


def fitting(pinned: str, preferred: Mapping[str, Built], others: Mapping[str, Built]) -> Choice:
    """Choose the preferred wheels, as far as the ranges allow them beside a pinned one, and otherwise the others.

    Args:
        pinned: Distribution whose preferred wheel is always chosen.
        preferred: The preferred wheel of each distribution that has one; the pinned distribution must have one.
        others: Wheels to use instead of preferred ones, and wheels of distributions without a preferred one.

    Returns:
        The choice. ``apart`` states, for each distribution whose wheel was exchanged, which range excluded it.

    Raises:
        UnfitError: If the other wheel is excluded as well, or there is no other wheel.
    """
    chosen = {**others, **preferred}
    apart: dict[str, str] = {}
    while conflict := _conflict(chosen):
        owner, requirement = conflict
        reason = f"{owner} {chosen[owner].version} requires {requirement}, not {chosen[requirement.name].version}"
        # either may be at fault: exchange the one that requires, unless it is pinned, or else the one that is required
        for name in (owner, requirement.name):
            if name != pinned and name not in apart and name in preferred and name in others:
                chosen[name], apart[name] = others[name], reason
                break
        else:
            raise UnfitError(reason)
    return Choice({name: choice.wheel for name, choice in chosen.items()}, apart)


def _conflict(chosen: Mapping[str, Built]) -> tuple[str, Requirement] | None:
    for owner, choice in chosen.items():
        for requirement in choice.requires:
            there = chosen.get(requirement.name)
            if there and not requirement.specifier.contains(there.version, prereleases=True):
                return owner, requirement
    return None
