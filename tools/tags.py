"""Release tags and the versions they promise: ``snn-core-v0.5.0`` is a tree in which snn-core has version 0.5.0."""

from __future__ import annotations

import pathlib
import re
import subprocess


def version_in(source: str) -> str:
    """The version that a ``_version.py`` states.

    Args:
        source: Text of the file.

    Returns:
        The version.

    Raises:
        ValueError: If it states none.

    Example:
        >>> version_in('__version__ = "0.5.0"')
        '0.5.0'
    """
    found = re.search(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
    if found is None:
        raise ValueError(f'no line __version__ = "X.Y.Z" in {source!r}')
    return found[1]


def wrong_tags(repository: pathlib.Path, packages: list[str]) -> dict[str, str]:
    """Tags of packages whose tree holds another version of that package.

    Args:
        repository: Folder of a git repository.
        packages: Names of the distributions under ``packages/``.

    Returns:
        For each wrong tag what its tree says instead. Empty where there are no tags, or no git.
    """

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", *arguments], cwd=repository, capture_output=True, text=True, check=False)

    if not (repository / ".git").exists():
        return {}
    wrong = {}
    for package in packages:
        for tag in git("tag", "--list", f"{package}-v*").stdout.split():
            shown = git("show", f"{tag}:packages/{package}/src/{package.replace('-', '_')}/_version.py")
            version = version_in(shown.stdout) if shown.returncode == 0 else "no such package"
            if tag != f"{package}-v{version}":
                wrong[tag] = version
    return wrong
