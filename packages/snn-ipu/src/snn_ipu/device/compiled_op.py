"""The compiled operator ``SurrogateSpike``: found, checked against the SDK, and only then loaded."""

from __future__ import annotations

import ctypes
import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any, Callable

from torch import Tensor

from snn_ipu.device.sdk import IpuUnavailable, sdk_version
from snn_ipu.program.spiking import CLOSED_FORMS

__all__ = ["LIBRARY", "MANIFEST", "OPS", "SOURCES", "checked", "load_op", "manifest_in", "manifest_of", "source_hash"]

OPS = Path(__file__).parent.parent / "_ops"
SOURCES = Path(__file__).parent.parent / "csrc"
LIBRARY, MANIFEST = "libsnn_ipu_ops.so", "manifest.json"
_KINDS = tuple(CLOSED_FORMS)  # in the header's order
_REMEDY = "run `python -m snn_ipu.build`, or pass ops='primitives'"
_PARTS = {
    "poplar": "Poplar",
    "popart_hash": "the PopART of hash",
    "sources": "the sources of hash",
    "sha256": "a library of hash",
}
_loaded: dict[str, ctypes.CDLL] = {}


def source_hash(folder: Path = SOURCES) -> str:
    """Return the SHA-256 of the operator's sources, names and contents, in hexadecimal."""
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.suffix in (".cpp", ".hpp"):
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def manifest_of(library: Path, version: str, package_hash: str) -> dict[str, str]:
    """Return the manifest of a library that was made from these sources with an SDK."""
    return {
        "poplar": version,
        "popart_hash": package_hash,
        "sources": source_hash(),
        "sha256": hashlib.sha256(library.read_bytes()).hexdigest(),
    }


def manifest_in(folder: Path) -> dict[str, Any]:
    """Return the manifest of a build.

    Raises:
        IpuUnavailable: If it is not readable.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return {key: manifest[key] for key in _PARTS}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IpuUnavailable(f"{folder / MANIFEST} is not a readable manifest ({error}): {_REMEDY}") from error


def checked(version: str, package_hash: str, ops: Path = OPS) -> Path:
    """Return the library for an SDK, after checking that its manifest fits; nothing is loaded.

    Returns:
        The library's file.

    Raises:
        IpuUnavailable: If there is no build for this SDK, or it is stale, damaged or made for another PopART.
    """
    folder = ops / f"poplar-{version}"
    library = folder / LIBRARY
    if not (folder / MANIFEST).is_file() or not library.is_file():
        others = sorted(f.name[len("poplar-") :] for f in ops.glob("poplar-*")) if ops.is_dir() else []
        built = f"built for Poplar {', '.join(others)}, not {version}" if others else f"not built for Poplar {version}"
        raise IpuUnavailable(f"the operator SurrogateSpike is {built}: {_REMEDY}")
    manifest, expected = manifest_in(folder), manifest_of(library, version, package_hash)
    for key, what in _PARTS.items():
        if manifest[key] != expected[key]:
            raise IpuUnavailable(f"{library} was built for {what} {manifest[key]}, not {expected[key]}: {_REMEDY}")
    return library


def load_op(poptorch: Any, ops: Path = OPS) -> Callable[[Tensor, str, tuple[float, ...]], Tensor]:
    """Return the operator as a function ``op(u, name, params)`` of a PopTorch program.

    Raises:
        IpuUnavailable: If no build fits the active SDK, or the system cannot load it.
    """
    library = str(checked(*sdk_version(), ops))
    if library not in _loaded:
        try:
            _loaded[library] = ctypes.CDLL(library)
        except OSError as error:
            raise IpuUnavailable(f"{library} does not load ({error}): run `python -m snn_ipu.build`") from error
    return partial(_op, poptorch.custom_op)  # which can be pickled with a model, unlike a function in here


def _op(custom_op: Callable[..., Any], u: Tensor, name: str, params: tuple[float, ...]) -> Tensor:
    attributes = {"kind": _KINDS.index(name), "slope": float(params[0]) if params else 1.0}
    return custom_op([u], "SurrogateSpike", "snn.ops", 1, example_outputs=[u], attributes=attributes)[0]
