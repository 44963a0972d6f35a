"""The ``snn`` command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from snn._installing import missing
from snn._version import __version__
from snn.bench_command import add_options as add_bench_options
from snn.bench_command import main as run_bench
from snn.demo.command import add_options
from snn.demo.command import main as run_demo
from snn.doctor_command import add_options as add_doctor_options
from snn.doctor_command import main as run_doctor
from snn.energy_command import add_options as add_energy_options
from snn.energy_command import main as run_energy
from snn.export_command import add_options as add_export_options
from snn.export_command import main as run_export
from snn.renaming.command import add_options as add_rename_options
from snn.renaming.command import main as run_rename

__all__ = ["main"]

_INTERRUPTED = 130  # 128 plus the number of the signal, as in a shell
_NIR = "check, show, run, compare and convert NIR files"


class _Command(NamedTuple):
    """A command: its description, its options, and the function that runs it."""

    text: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


_COMMANDS = {
    "bench": _Command("time a net step by step and by unroll", add_bench_options, run_bench),
    "demo": _Command("train a spiking network on real data and write a report", add_options, run_demo),
    "doctor": _Command("check that the installation fits together, or diagnose a net", add_doctor_options, run_doctor),
    "energy": _Command("count the energy of a net, beside the ordinary network's", add_energy_options, run_energy),
    "export": _Command("write a net as a file that runs without snn", add_export_options, run_export),
    "rename": _Command("change programs that import snnTorch to import snn", add_rename_options, run_rename),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the ``snn`` command.

    Returns:
        Exit code: 0 if all is well, 1 if not, 2 if there is no net or it could not be run, 3 if a GPU is requested
        but there is none, 130 if it was interrupted from the keyboard.

    Example:
        >>> main([])
        usage: snn [-h] [--version] COMMAND ...
        ...
        0
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has enough, like ``head`` after ten lines
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # otherwise Python complains again at exit
        return 1
    except KeyboardInterrupt:
        print(f"\nsnn{f' {words[0]}' if words else ''}: interrupted", file=sys.stderr)
        return _INTERRUPTED
    return code


def _run(words: Sequence[str]) -> int:
    if words[:1] == ["nir"]:
        return _nir(words[1:])
    parser = _parser()
    options = parser.parse_args(words)
    if options.command is None:
        parser.print_help()
        return 0
    return _nir(()) if options.command == "nir" else _COMMANDS[options.command].run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="snn",
        description="Spiking neural networks in PyTorch.",
        epilog="snn COMMAND --help says what a command takes.",
    )
    parser.add_argument("--version", action="version", version=f"snn {__version__}")
    commands = parser.add_subparsers(dest="command", title="commands", metavar="COMMAND")
    for name, text in sorted({"nir": _NIR, **{name: command.text for name, command in _COMMANDS.items()}}.items()):
        added = commands.add_parser(name, help=text, add_help=name != "nir")
        if name in _COMMANDS:
            _COMMANDS[name].add_options(added)
    return parser


def _nir(words: Sequence[str]) -> int:
    """Run the command of snn-nir, which has its own options and help."""
    try:
        from snn_nir.commands import main as run
    except ModuleNotFoundError as error:
        reason = missing(error, "snn[nir]")
        if {"-h", "--help"} & {*words}:
            print(f"usage: snn nir [-h] {{check,show,run,diff,convert}} ...\n\nTo {_NIR}.\n\n{reason}")
            return 0
        print(f"snn nir: {reason}", file=sys.stderr)
        return 1
    return run(words)
