"""The ``snn nir`` command: examine, check, run, compare and convert NIR files."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import nir
import numpy as np

from snn_nir.checking.check import PROFILES, check
from snn_nir.codes import NIRWarning
from snn_nir.files.reading import read
from snn_nir.files.writing import COMPAT, write
from snn_nir.graphs.differences import diff
from snn_nir.graphs.text import to_mermaid, to_text

_GIB = 2**30
_Call = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the ``snn nir`` command.

    Returns:
        Exit code: 0 if all is well; 1 if a file is refused, has errors, or differs from the other.

    Example:
        >>> main([])
        usage: snn nir [-h] {check,show,run,diff,convert} ...
        ...
        0
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0
    try:
        with _warnings_on_stderr():
            return options.call(options)
    except (ValueError, OSError, MemoryError) as error:
        print(f"snn nir {options.command}: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="snn nir", description="Examine and convert NIR files.")
    commands = parser.add_subparsers(dest="command", metavar="{check,show,run,diff,convert}")

    def command(name: str, call: _Call, text: str, *files: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(call=call)
        for file in files:
            added.add_argument(file, metavar=file.upper())
        return added

    checked = command("check", _check, "list the faults of a file, and what other programs would lose", "file")
    checked.add_argument("--profile", choices=PROFILES, default="nir", help="what to check for (default nir)")
    checked.add_argument("--json", action="store_true", help="print the findings as JSON")

    shown = command("show", _show, "print the nodes of a file, their shapes and parameters", "file")
    shown.add_argument("--mermaid", action="store_true", help="print a Mermaid flowchart instead of text")

    ran = command("run", _run, "run a file and count its spikes", "file")
    ran.add_argument("--input", metavar="ARRAY.npy", help="input [T, batch, ...]; random spikes if left out")
    steps = partial(_whole, least=1, most=2**31 - 1)
    ran.add_argument("--steps", type=steps, default=100, help="steps of random input (default 100)")
    ran.add_argument("--rate", type=_share, default=0.1, help="share of spikes in random input, 0 to 1 (default 0.1)")
    ran.add_argument("--seed", type=partial(_whole, least=0), default=0, help="seed of random input (default 0)")
    ran.add_argument("--dt", type=float, help="time step in seconds; taken from the file if left out")
    ran.add_argument("--method", choices=("euler", "exact"), help="how time constants become decays")
    ran.add_argument("--output", metavar="ARRAYS.npz", help="write the outputs [T, batch, ...] to this file")

    command("diff", _diff, "list the differences of two files", "first", "second")

    converted = command(
        "convert", _convert, "read a file, repair it if that is unambiguous, and write it", "file", "to"
    )
    converted.add_argument("--compat", choices=(COMPAT,), help="write the format of an older nir")
    converted.add_argument("--sidecar", metavar="FILE.json", help="take metadata from the sidecar of an older file")
    return parser


def _whole(text: str, least: int, most: float = math.inf) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least {least}, got {text!r}")
    if int(text) > most:
        raise argparse.ArgumentTypeError(f"expected a whole number of at most {most}, got {text!r}")
    return int(text)


def _share(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got {text!r}")
    return number


@contextmanager
def _warnings_on_stderr() -> Iterator[None]:
    """Print repairs and assumptions, one per line, whatever filters the process has."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for warning in seen:
                kind = "warning" if isinstance(warning.message, NIRWarning) else warning.category.__name__
                print(f"{kind} {warning.message}", file=sys.stderr)


def _check(options: argparse.Namespace) -> int:
    findings = check(read(options.file), options.profile)
    if options.json:
        print(json.dumps([{"code": f.code, "severity": f.severity, "text": f.text} for f in findings], indent=2))
    else:
        print("\n".join(map(str, findings)) or "nothing found")
    return int(any(finding.severity == "error" for finding in findings))


def _show(options: argparse.Namespace) -> int:
    graph = read(options.file)
    print(to_mermaid(graph) if options.mermaid else to_text(graph))
    return 0


def _diff(options: argparse.Namespace) -> int:
    differences = diff(read(options.first), read(options.second))
    print("\n".join(map(str, differences)) or "the graphs are equal")
    return int(bool(differences))


def _convert(options: argparse.Namespace) -> int:
    write(read(options.file, sidecar=options.sidecar), options.to, compat=options.compat)
    print(f"written: {options.to}")
    return 0


def _run(options: argparse.Namespace) -> int:
    import torch

    from snn_nir.importing.conversion import from_nir

    graph = read(options.file)
    net = from_nir(graph, dt=options.dt, method=options.method)
    inputs = _inputs(options, graph)
    dtype = next((parameter.dtype for parameter in net.parameters()), torch.float32)
    signals = {name: torch.from_numpy(array).to(dtype) for name, array in inputs.items()}
    with torch.no_grad():
        outputs, _ = net.unroll(signals)
    named = outputs if isinstance(outputs, dict) else {next(iter(graph.outputs)): outputs}
    for name, values in named.items():
        spikes = bool(((values == 0) | (values == 1)).all())
        summed = f"{int(values.sum())} spikes" if spikes else f"between {values.min():.6g} and {values.max():.6g}"
        print(f"{name}: {len(values)} steps of shape {list(values.shape[2:])}, {summed}")
    if options.output is not None:
        _save({name: values.numpy() for name, values in named.items()}, options.output)
    return 0


def _save(arrays: dict[str, np.ndarray], path: str) -> None:
    """Write arrays as ``numpy.savez`` does, but under any names and to any file."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def _inputs(options: argparse.Namespace, graph: nir.NIRGraph) -> dict[str, np.ndarray]:
    ports: dict[str, Any] = graph.inputs
    if options.input is None:
        rng = np.random.default_rng(options.seed)
        shapes = {name: (options.steps, 1, *node.input_type["input"]) for name, node in ports.items()}
        _must_fit(options.steps, shapes.values())
        return {name: (rng.random(shape) < options.rate).astype(np.float32) for name, shape in shapes.items()}
    if len(ports) != 1:
        raise ValueError(f"{options.input}: one array, but the inputs are {', '.join(ports)}; leave out --input")
    array = _loaded(options.input)
    (name, node), *_ = ports.items()
    shape = tuple(int(size) for size in node.input_type["input"])
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{options.input}: it must contain one array of real numbers")
    if array.dtype.itemsize > 8:
        raise ValueError(f"{options.input}: it contains numbers of dtype longdouble; save it as float64")
    if array.ndim < 2 or array.shape[2:] != shape or not len(array):
        expected = ", ".join(("T", "batch", *map(str, shape)))
        raise ValueError(f"{options.input}: expected shape [{expected}] with T at least 1, got {list(array.shape)}")
    return {name: array.astype(array.dtype.newbyteorder("="))}


def _loaded(path: str) -> np.ndarray:
    """Return the array of a file."""
    with Path(path).open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return np.lib.format.read_array(file, allow_pickle=False)
        except Exception as error:  # it may fail anywhere
            reason = " ".join(str(error).split())
            raise ValueError(
                f"{path}: it must contain one array of real numbers, as numpy.save writes it ({reason})"
            ) from error


def _must_fit(steps: int, shapes: Iterable[tuple[int, ...]]) -> None:
    """Raise if random input of some shapes does not fit into the memory of this machine."""
    size = sum(math.prod(map(int, shape)) for shape in shapes) * np.dtype(float).itemsize
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 2**63
    if size > there:
        raise ValueError(
            f"--steps {steps} takes {size / _GIB:,.1f} GiB, more than the {there / _GIB:,.1f} GiB of this machine; run "
            "fewer steps"
        )
