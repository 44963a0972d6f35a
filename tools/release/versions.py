"""Determine the next version of a package."""

from __future__ import annotations

import pathlib
import re

from packaging.version import Version

from recorded import version_in


def final(current: str, target: str, last: str | None) -> str:
    """Return the version of a release: the target, or, for ``"final"``, the version that the tree leads to.

    Raises:
        ValueError: If it is not a final version X.Y.Z, not above the last release, or below the tree's version.

    Example:
        >>> final("0.5.1.dev0", "final", last="0.5.0")
        '0.5.1'
        >>> final("0.5.0", "final", last="0.5.0")
        '0.5.1'
    """
    if target == "final":
        base = Version(current)
        raised = f"{base.major}.{base.minor}.{base.micro + 1}"
        return raised if last and Version(last) >= Version(base.base_version) else base.base_version
    if not re.fullmatch(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}", target):
        raise ValueError(f"{target!r} is not a version of a release: X.Y.Z, such as 0.5.0")
    if last and Version(target) <= Version(last):
        raise ValueError(f"{target} is not above {last}, the last release")
    if Version(target) < Version(Version(current).base_version):
        raise ValueError(f"{target} is below {current}, the version of the tree")
    return target


def after(version: str) -> str:
    """Return the development version of the next fix release; a change that breaks something raises it further.

    Raises:
        ValueError: If the version is not final.

    Example:
        >>> after("0.5.0")
        '0.5.1.dev0'
    """
    parsed = Version(version)
    if parsed.is_prerelease:
        raise ValueError(f"{version} has not been released: release it before you go on to the next version")
    return f"{parsed.major}.{parsed.minor}.{parsed.micro + 1}.dev0"


def set_version(file: pathlib.Path, version: str) -> None:
    """Write a version into a ``_version.py``.

    Raises:
        ValueError: If the file does not state a version yet.
    """
    text = file.read_text(encoding="utf-8")
    version_in(text)
    file.write_text(re.sub(r'^__version__ = ".*"$', f'__version__ = "{version}"', text, flags=re.M), encoding="utf-8")
