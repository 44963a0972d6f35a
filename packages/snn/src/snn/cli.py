"""The ``snn`` command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from types import ModuleType

# not from snn, which would look these modules up among the names of the core and import torch
import snn.bench_command
import snn.demo.command
import snn.doctor_command
import snn.energy_command
import snn.export_command
import snn.renaming.command
from snn._installing import missing
from snn._version import __version__
from snn.factory import CannotMake

__all__ = ["main"]

_INTERRUPTED = 130  # 128 plus the number of the signal, as in a shell
_NIR = "check, show, run, compare and convert NIR files"
# the text of each command, and the module with its add_options and main
_COMMANDS: dict[str, tuple[str, ModuleType]] = {
    "bench": ("time a net, step by step and with unroll", snn.bench_command),
    "demo": ("train a spiking network on real data and write a report", snn.demo.command),
    "doctor": ("check the installed packages, or diagnose a net", snn.doctor_command),
    "energy": ("estimate the energy of a net beside that of an ordinary one", snn.energy_command),
    "export": ("write a net as a file that runs without snn", snn.export_command),
    "rename": ("change programs that import snnTorch to import snn", snn.renaming.command),
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
    if options.command == "nir":
        return _nir(())
    try:
        return _COMMANDS[options.command][1].main(options)
    except CannotMake as error:
        print(f"snn {options.command}: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="snn",
        description="Spiking neural networks in PyTorch.",
        epilog="snn COMMAND --help lists the options of a command.",
    )
    parser.add_argument("--version", action="version", version=f"snn {__version__}")
    commands = parser.add_subparsers(dest="command", title="commands", metavar="COMMAND")
    for name, (text, module) in sorted({"nir": (_NIR, None), **_COMMANDS}.items()):
        added = commands.add_parser(name, help=text, add_help=module is not None)
        if module is not None:
            module.add_options(added)
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
