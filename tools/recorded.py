"""Read and write ``releases.toml``, which has the commit of each release, as not every clone has the tags."""

from __future__ import annotations

import pathlib
import re
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from packaging.version import Version

FILE = "releases.toml"
_HEAD = """# The commit of each release, as the release tool writes it: releases are built from these, as not every
# clone has the tags.
"""


class Release(NamedTuple):
    """A version, and the commit that it is built from."""

    version: str
    commit: str


def last(root: pathlib.Path) -> dict[str, Release]:
    """Return the highest version of each package that has a release, with its commit."""
    return {
        package: Release(*max(versions.items(), key=lambda pair: Version(pair[0])))
        for package, versions in _read(root).items()
    }


def add(root: pathlib.Path, versions: Mapping[str, str], commit: str) -> None:
    """Add releases to the file, all with the same commit."""
    known = _read(root)
    for package, version in versions.items():
        known.setdefault(package, {})[version] = commit
    lines = [_HEAD]
    for package, commits in sorted(known.items()):
        ordered = sorted(commits, key=Version)
        lines += [f"[{package}]", *(f'"{version}" = "{commits[version]}"' for version in ordered), ""]
    (root / FILE).write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def committed(repository: pathlib.Path, versions: Mapping[str, str]) -> str:
    """Return the last commit, which must contain the released versions.

    Raises:
        ValueError: If the commit has another version of a package.
    """
    for package, version in versions.items():
        if (there := _version_at(repository, "HEAD", package)) != version:
            raise ValueError(f"{package}: the last commit has {there}, not {version}: commit the release first")
    return _git(repository, "rev-parse", "HEAD").stdout.strip()


def wrong(repository: pathlib.Path) -> dict[str, str]:
    """Return the recorded releases and tags, such as ``snn-core-v0.5.0``, that lead to something else, and to what.

    Commits that this clone does not have are left out.
    """
    results = {}
    tags = dict(_tags(repository))
    recorded = {
        f"{package}-v{version}": commit
        for package, versions in _read(repository).items()
        for version, commit in versions.items()
    }
    for name, commit in {**tags, **recorded}.items():
        package, _, version = name.rpartition("-v")
        if tags.get(name, commit) != commit:
            results[name] = f"tag at {tags[name]}"
        elif _git(repository, "cat-file", "-e", f"{commit}^{{commit}}").returncode == 0:
            there = _version_at(repository, commit, package)
            if there != version:
                results[name] = there
    return results


def version_in(source: str) -> str:
    """Return the version that a ``_version.py`` states.

    Raises:
        ValueError: If it states none.

    Example:
        >>> version_in('__version__ = "0.5.0"')
        '0.5.0'
    """
    match = re.search(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
    if match is None:
        raise ValueError(f'no line __version__ = "X.Y.Z" in {source!r}')
    return match[1]


def _read(root: pathlib.Path) -> dict[str, dict[str, str]]:
    """Return the commit of each version of each package."""
    return tomllib.loads((root / FILE).read_text(encoding="utf-8"))


def _tags(repository: pathlib.Path) -> Iterator[tuple[str, str]]:
    """Yield each tag of a release with its commit; nothing if there is no git repository."""
    listed = _git(repository, "tag", "--list", "snn*-v*", "--format=%(refname:short) %(objectname) %(*objectname)")
    for line in listed.stdout.splitlines():
        name, *hashes = line.split()
        yield name, hashes[-1]  # an annotated tag has a second hash, that of its commit


def _version_at(repository: pathlib.Path, commit: str, package: str) -> str:
    text = _git(repository, "show", f"{commit}:packages/{package}/src/{package.replace('-', '_')}/_version.py")
    return version_in(text.stdout) if text.returncode == 0 else "no such package"


def _git(repository: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=repository, capture_output=True, text=True, check=False)
