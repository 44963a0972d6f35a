"""The ``snn`` command."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence

from snn._version import __version__

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the ``snn`` command.

    Args:
        arguments: Words after ``snn``; those of this process if None.

    Returns:
        Exit code: 0 if all is well, 1 if not.

    Raises:
        SystemExit: If the arguments are wrong (code 2), or after ``--help`` and ``--version``.

    Example:
        >>> main([])
        usage: snn [-h] [--version] {demo,doctor,nir} ...
        ...
        0
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == ["nir"]:
        return _nir(words[1:])
    parser = _parser()
    options = parser.parse_args(words)
    if options.command is None:
        parser.print_help()
        return 0
    return {"demo": _demo, "doctor": _doctor, "nir": lambda _: _nir(())}[options.command](options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="snn", description="Spiking neural networks in PyTorch.")
    parser.add_argument("--version", action="version", version=f"snn {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="{demo,doctor,nir}")

    demo = commands.add_parser("demo", help="train a spiking network on real handwritten digits and write a report")
    demo.add_argument("--seed", type=_whole(0), default=0, help="seed of weights, order and augmentation (default 0)")
    demo.add_argument("--epochs", type=_whole(1), default=30, help="passes over the training part (default 30)")
    demo.add_argument("--out", default="snn-demo", metavar="FOLDER", help="where to write (default snn-demo)")
    demo.add_argument("--json", action="store_true", help="print the result as JSON")

    doctor = commands.add_parser("doctor", help="say what is installed, whether it fits together and what runs here")
    doctor.add_argument("--json", action="store_true", help="print the diagnosis as JSON")

    commands.add_parser("nir", add_help=False, help="check, show, run, compare and convert NIR files")
    return parser


def _whole(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} on, got {text!r}")
        if int(text) >= 2**63:  # the seeds that torch takes
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} on, below 2**63, got {text!r}")
        return int(text)

    return number


def _nir(words: Sequence[str]) -> int:
    """The command of snn-nir, which has its own words and help."""
    try:
        from snn_nir.commands import main as run
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0].replace("_", "-")
        print(f"snn nir: not installed: {missing}; pip install 'snn[nir]'", file=sys.stderr)
        return 1
    return run(words)


def _doctor(options: argparse.Namespace) -> int:
    from snn.doctor import diagnose

    found = diagnose()
    print(json.dumps(found.as_dict(), indent=2) if options.json else found)
    return 1 if found.problems else 0


def _demo(options: argparse.Namespace) -> int:
    from snn.demo.pieces import MissingPieces, require_pieces
    from snn_cpu.allocator import is_tunable, tune_allocator

    try:
        require_pieces()
        from snn.demo.run import run
        from snn.demo.settings import Settings

        # this process is the demonstration's alone
        if is_tunable():
            tune_allocator()
        result = run(Settings(seed=options.seed, epochs=options.epochs), options.out)
    except (MissingPieces, OSError) as error:
        print(f"snn demo: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(result, indent=2))
        return 0
    print(f"{100 * result['test_accuracy']:.2f} % of the {result['samples']['test']} test digits read correctly")
    print(f"report: {result['report']}")
    return 0
