"""Import every set of our distributions that is closed under dependencies, each in its own forked process.

Run ``python tools/subsets.py OVERLAY``: OVERLAY has one folder for each distribution, with nothing else in it, and the
running interpreter has everything that they need from other projects. Each process checks that the set imports; that
the other distributions cannot be imported; that the entry points are those of the set, and load; and that the namespace
``snn``, if it is in the set, names each missing piece.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import itertools
import os
import pathlib
import re
import subprocess
import sys
import time
import traceback
import warnings

GROUPS = ("snn.backends", "snn.kernels")
AT_ONCE = min(os.cpu_count() or 1, 8)  # processes
PIECES = {  # name in the namespace: the extra that brings it, and its distribution
    "spikegen": ("spikegen", "snn-spikegen"),
    "functional": ("functional", "snn-functional"),
    "spikeplot": ("plot", "snn-plot"),
    "models": ("models", "snn-models"),
    "data": ("data", "snn-data"),
    "export": ("export", "snn-export"),
    "zoo": ("data", "snn-data"),
}


def needs(distribution: str, overlay: pathlib.Path) -> set[str]:
    """Return the distributions of the overlay that one of them requires, leaving out its extras."""
    (metadata,) = importlib.metadata.distributions(path=[str(overlay / distribution)])
    plain = [text for text in metadata.requires or [] if "extra ==" not in text]
    names = {re.split(r"[^\w.-]", text, maxsplit=1)[0].replace("_", "-") for text in plain}
    return names & {folder.name for folder in overlay.iterdir()}


def closed_subsets(requirements: dict[str, set[str]]) -> list[tuple[str, ...]]:
    """Return all non-empty sets that contain the requirements of every member, sorted, smaller sets first.

    Example:
        >>> closed_subsets({"core": set(), "plot": set(), "top": {"core"}})
        [('core',), ('plot',), ('core', 'plot'), ('core', 'top'), ('core', 'plot', 'top')]
    """
    names = sorted(requirements)
    sets = (chosen for size in range(1, len(names) + 1) for chosen in itertools.combinations(names, size))
    return [chosen for chosen in sets if all(requirements[name] <= set(chosen) for name in chosen)]


def check(chosen: tuple[str, ...], everything: list[str], overlay: pathlib.Path) -> None:
    """Put one set on the path and check it; a RuntimeError or an ImportError says what is wrong."""
    sys.path[:0] = [str(overlay / name) for name in chosen]
    importlib.invalidate_caches()
    for name in chosen:
        importlib.import_module(name.replace("-", "_"))
    for name in set(everything) - set(chosen):
        require(importlib.util.find_spec(name.replace("-", "_")) is None, f"{name} is importable, but not in the set")
    for group in GROUPS:
        for point in importlib.metadata.entry_points(group=group):
            owner = point.dist.name if point.dist else "nobody"
            require(owner in chosen, f"entry point {point.name} belongs to {owner}, which is not in the set")
            point.load()
    if "snn-core" in chosen:
        names = importlib.import_module("snn_core").backends.names()
        require("loopback" in names, f"the core's own target is not among {names}")
    if "snn" in chosen:
        for piece, (extra, distribution) in PIECES.items():
            check_piece(piece, extra, distribution, distribution in chosen)


def check_piece(piece: str, extra: str, distribution: str, present: bool) -> None:
    """Check that a piece of the namespace is a module if installed, or raises an error that says what to install."""
    namespace = importlib.import_module("snn")
    if present:
        getattr(namespace, piece)
        return
    try:
        # a lazy module may be there, and raise only when one of its names is used
        module = getattr(namespace, piece)
        module.a_name_that_no_piece_has  # noqa: B018
    except ImportError as error:
        message = str(error)
        require(
            distribution in message and f"snn[{extra}]" in message,
            f"the error about snn.{piece} does not name {distribution} and snn[{extra}]: {message}",
        )
    else:
        raise RuntimeError(f"snn.{piece} can be used although {distribution} is not installed")


def require(holds: bool, otherwise: str) -> None:
    """Raise a RuntimeError if a condition does not hold."""
    if not holds:
        raise RuntimeError(otherwise)


def preload(everything: list[str], overlay: pathlib.Path) -> None:
    """Import once what our distributions import from other projects; forked processes inherit it."""
    program = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\nprint(*sys.modules)"
    path = os.pathsep.join(str(overlay / name) for name in everything)
    command = [sys.executable, "-c", program, *(name.replace("-", "_") for name in everything)]
    process = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    ours = {name.replace("-", "_") for name in everything}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in {module.partition(".")[0] for module in process.stdout.split()} - ours:
            # not everything that is loaded can be imported by its name: multiprocessing's __mp_main__ cannot
            with contextlib.suppress(ImportError):
                importlib.import_module(name)


def ended_badly() -> bool:
    """Wait for one of the forked processes to end; return True if its set failed."""
    return os.waitstatus_to_exitcode(os.wait()[1]) != 0


def main(overlay: pathlib.Path) -> int:
    """Check every closed set of an overlay and print the count; the exit status is 1 if any set failed."""
    everything = sorted(folder.name for folder in overlay.iterdir())
    sets = closed_subsets({name: needs(name, overlay) for name in everything})
    preload(everything, overlay)
    started, failed, running = time.monotonic(), 0, 0
    for chosen in sets:
        if running == AT_ONCE:
            failed += ended_badly()
            running -= 1
        if os.fork() == 0:
            try:
                check(chosen, everything, overlay)
            except BaseException:
                print(f"FAILED {'+'.join(chosen)}\n{traceback.format_exc()}", file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        running += 1
    failed += sum(ended_badly() for _ in range(running))
    print(f"{len(sets)} sets of {len(everything)} distributions, {failed} failed, {time.monotonic() - started:.1f} s")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
