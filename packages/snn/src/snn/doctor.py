"""A check of the installation, its consistency, and the hardware: ``snn doctor``."""

from __future__ import annotations

import importlib
import platform
from dataclasses import asdict, dataclass, field
from typing import Any

from packaging.requirements import Requirement

from snn._installing import command, extra, quoted
from snn.doctor_gpu import names as gpu_names
from snn.versions import PIECES, needs_of, version

__all__ = ["Diagnosis", "Piece", "diagnose"]


@dataclass
class Piece:
    """One of our distributions: ``version`` is None if it is absent, ``needs`` are requirements and their versions."""

    name: str
    version: str | None
    needs: list[tuple[str, str | None]] = field(default_factory=list)


@dataclass
class Diagnosis:
    """The result of `diagnose`; ``problems`` is empty if everything fits together, ``advice`` may still help."""

    pieces: list[Piece]
    problems: list[str]
    environment: dict[str, str | int | None]
    backends: list[dict[str, Any]]
    advice: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the diagnosis as JSON data."""
        pieces = [
            {**vars(piece), "needs": [{"requirement": text, "found": there} for text, there in piece.needs]}
            for piece in self.pieces
        ]
        return {"consistent": not self.problems, "problems": self.problems, **vars(self), "pieces": pieces}

    def __str__(self) -> str:
        width = max(len(piece.name) for piece in self.pieces)
        lines = ["packages"]
        for piece in self.pieces:
            shown = piece.version or f"not installed ({command(extra(piece.name))[0]})"
            lines.append(f"  {piece.name:<{width}}  {shown}")
        notes = {command(extra(piece.name))[1] for piece in self.pieces if piece.version is None}
        lines += [f"  {'':<{width}}  ({note})" for note in notes if note]
        lines += ["environment"]
        lines += [f"  {name:<{width}}  {value or 'not installed'}" for name, value in self.environment.items()]
        lines += ["backends and kernels"]
        lines += [
            f"  {row['name']:<{width}}  {row['kind']}, {'ready' if row['ok'] else 'not available'}: {row['reason']}"
            for row in self.backends
        ] or ["  none"]
        lines += [f"advice: {text}" for text in self.advice]
        lines += [f"problem: {text}" for text in self.problems] or ["everything that is installed fits together"]
        return "\n".join(lines)

    __repr__ = __str__


def diagnose() -> Diagnosis:
    """Examine the installed packages, their requirements, and the hardware on which nets can run.

    Each installed package is imported. It is a problem if the import fails, if a requirement is missing or outside its
    range, or if the version of the code differs from the installer's record; a package that is not installed, or a
    backend without its hardware, is not a problem.
    """
    pieces = [_piece(name) for name in PIECES]
    problems = [text for piece in pieces if piece.version is not None for text in _problems(piece)]
    return Diagnosis(pieces, problems, _environment(), _backends(problems), _advice())


def _piece(name: str) -> Piece:
    installed = version(name)
    # without extras, as only the user knows which ones to install
    needs = [] if installed is None else needs_of(name)
    return Piece(name, installed, [(str(need).partition(";")[0], version(need.name)) for need in needs])


def _problems(piece: Piece) -> list[str]:
    results = []
    for text, there in piece.needs:
        need, remedy = Requirement(text), f"pip install {quoted(text)}"
        if there is None:
            results.append(f"{piece.name} {piece.version} needs {text}, which is not installed: {remedy}")
        elif not need.specifier.contains(there, prereleases=True):
            results.append(f"{piece.name} {piece.version} needs {text}, found {there}: {remedy}")
    module = piece.name.replace("-", "_")
    try:
        running = getattr(importlib.import_module(module), "__version__", None)
    except Exception as error:  # a broken installation may raise anything at import
        return [*results, f"{piece.name} {piece.version} cannot be imported: {type(error).__name__}: {error}"]
    if running != piece.version:
        again = f"pip install --force-reinstall --no-deps {piece.name}=={piece.version}"
        results.append(f"{piece.name} is recorded as {piece.version}, but its code is {running}: {again}")
    return results


def _environment() -> dict[str, str | int | None]:
    results: dict[str, str | int | None] = {"python": platform.python_version(), "platform": platform.platform()}
    results |= {name: version(name) for name in ("torch", "numpy", "onnx", "onnxruntime", "executorch")}
    try:
        import torch
    except Exception:  # a broken torch may raise anything; the problems already list it, as a requirement of the core
        return results
    results |= {"torch threads": torch.get_num_threads(), "cuda": torch.version.cuda or "not in this torch"}
    return results | {"gpu": ", ".join(gpu_names()) or "none"}


def _backends(problems: list[str]) -> list[dict[str, Any]]:
    try:
        from snn_core.backends import status
    except Exception as error:
        if not any("cannot be imported" in text for text in problems):
            problems.append(f"the list of backends cannot be imported: {error}")
        return []
    return [asdict(backend) for backend in status()]


def _advice() -> list[str]:
    try:
        from snn_cpu.allocator import is_tunable
    except Exception:  # not installed, which is not a problem, or broken, which is listed as one
        return []
    if not is_tunable():
        return []
    return ["call snn_cpu.tune_allocator() before training: it reuses the memory of freed tensors, if they are large"]
