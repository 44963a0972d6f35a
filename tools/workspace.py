"""The workspace: its folders, the projects in it and the files built from them."""

from __future__ import annotations

import pathlib
import tomllib
from typing import Any

ROOT = pathlib.Path(__file__).parent.parent
WHEELHOUSE = ROOT / "dist" / "wheels"
NATIVE_WHEELHOUSE = ROOT / "dist" / "native"
NATIVE = ("snn-cpu",)  # distributions with compiled code, which have a native wheel beside the pure one
PROJECTS: dict[str, dict[str, Any]] = {
    file.parent.name: tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    for file in sorted(ROOT.glob("packages/*/pyproject.toml"))
}


def module(distribution: str) -> str:
    """Return the import name of a distribution.

    Example:
        >>> module("snn-core")
        'snn_core'
    """
    return distribution.replace("-", "_")


def source(distribution: str) -> pathlib.Path:
    """Return the folder with the modules of a distribution.

    Example:
        >>> source("snn-core").relative_to(ROOT).as_posix()
        'packages/snn-core/src/snn_core'
    """
    return ROOT / "packages" / distribution / "src" / module(distribution)


def built(distribution: str, suffix: str = ".whl", wheelhouse: pathlib.Path = WHEELHOUSE) -> pathlib.Path:
    """Return the only built file of a distribution in a wheelhouse, a ``".whl"`` or a ``".tar.gz"``.

    Raises:
        FileNotFoundError: If there is none, or more than one.
    """
    results = list(wheelhouse.glob(f"{module(distribution)}-[0-9]*{suffix}"))
    if len(results) != 1:
        raise FileNotFoundError(
            f"{wheelhouse} has {len(results)} {suffix} files of {distribution}, not 1: run nox -s wheels"
        )
    return results[0]
