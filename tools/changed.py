"""Determine what differs from a commit in the working tree, and which tests that concerns."""

from __future__ import annotations

import argparse
import pathlib
import subprocess
from collections.abc import Iterable
from typing import NamedTuple

from workspace import PROJECTS, ROOT

MAIN = ("origin/main", "main")  # the first that exists is the branch that a change is made for


class Choice(NamedTuple):
    """The packages with a change, and what pytest runs for a change: their tests, and changed integration tests."""

    packages: list[str]
    paths: list[str]


def files(base: str | None = None, root: pathlib.Path = ROOT) -> list[str]:
    """List the files that differ from a commit, committed or not; without one, from where the main branch was left.

    Raises:
        ValueError: If git does not know the commit, or this is not a clone.
    """
    if base is None:
        known = [name for name in MAIN if _git(root, "rev-parse", "-q", "--verify", f"{name}^{{commit}}") is not None]
        base = known[0] if known else MAIN[-1]
    start = _git(root, "merge-base", "HEAD", base)
    if start is None:
        raise ValueError(f"git finds no common history of HEAD and {base!r} in {root}: name a commit, -- --base COMMIT")
    differing = _git(root, "diff", "--name-only", "--no-renames", start[0]) or []
    return sorted({*differing, *(_git(root, "ls-files", "--others", "--exclude-standard") or [])})


def choice(names: Iterable[str], leaving_out: Iterable[str] = (), root: pathlib.Path = ROOT) -> Choice:
    """Return what to test when files have changed; pages change the result of no test.

    Example:
        >>> choice(["packages/snn-plot/src/snn_plot/raster.py", "packages/snn-nir/CHANGELOG.md"])
        Choice(packages=['snn-plot'], paths=['packages/snn-plot/tests'])
    """
    code = [pathlib.PurePosixPath(name) for name in names if not name.endswith(".md")]
    changed = {path.parts[1] for path in code if path.parts[0] == "packages" and path.parts[1] in PROJECTS}
    paths = [f"packages/{name}/tests" for name in sorted(changed)]
    apart = tuple(map(pathlib.PurePosixPath, leaving_out))
    for path in code:
        own = path.parts[0] == "integration_tests" and path.match("test_*.py") and (root / path).exists()
        if own and not any(path.is_relative_to(place) for place in apart):
            paths.append(str(path))
    return Choice(sorted(changed), paths)


def option(words: list[str]) -> tuple[str | None, list[str]]:
    """Take ``--base COMMIT`` out of a command's arguments.

    Example:
        >>> option(["-x", "--base", "v1", "-k", "leaky"])
        ('v1', ['-x', '-k', 'leaky'])
    """
    parser = argparse.ArgumentParser(prog="quick", add_help=False, allow_abbrev=False)
    parser.add_argument("--base")
    known, others = parser.parse_known_args(words)
    return known.base, others


def _git(root: pathlib.Path, *arguments: str) -> list[str] | None:
    """Return the lines that git prints, or None if it refuses."""
    # as the names are, not in quotation marks with escapes
    command = ["git", "-c", "core.quotepath=off", *arguments]
    process = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return process.stdout.split("\n")[:-1] if process.returncode == 0 else None
