"""The ``snn`` command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from snn._installing import hint
from snn._version import __version__
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

_INTERRUPTED = 130  # 128 and the number of the signal, like in a shell
_NIR = "check, show, run, compare and convert NIR files"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the ``snn`` command.

    Args:
        arguments: Words after ``snn``; those of this process if None.

    Returns:
        Exit code: 0 if all is well, 1 if not, 2 if there is no net or it could not be run, 3 if a GPU is requested
        but there is none, 130 if the keyboard interrupted it.

    Raises:
        SystemExit: If the arguments are wrong (code 2), or after ``--help`` and ``--version``.

    Example:
        >>> main([])
        usage: snn [-h] [--version] {demo,doctor,energy,export,nir,rename} ...
        ...
        0
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has enough, like ``head`` after ten lines
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains again at exit
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
    commands = {
        "demo": run_demo,
        "doctor": run_doctor,
        "energy": run_energy,
        "export": run_export,
        "nir": lambda _: _nir(()),
        "rename": run_rename,
    }
    return commands[options.command](options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="snn", description="Spiking neural networks in PyTorch.")
    parser.add_argument("--version", action="version", version=f"snn {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="{demo,doctor,energy,export,nir,rename}")

    demo = commands.add_parser("demo", help="train a spiking network on real data and write a report")
    add_options(demo)

    doctor = commands.add_parser("doctor", help="check that the installation fits together, or diagnose a net")
    add_doctor_options(doctor)

    add_energy_options(commands.add_parser("energy", help="count the energy of a net, beside the ordinary network's"))
    add_export_options(commands.add_parser("export", help="write a net as a file that runs without snn"))

    commands.add_parser("nir", add_help=False, help=_NIR)

    add_rename_options(commands.add_parser("rename", help="change programs that import snnTorch to import snn"))
    return parser


def _nir(words: Sequence[str]) -> int:
    """Run the command of snn-nir, which has its own options and help."""
    try:
        from snn_nir.commands import main as run
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0].replace("_", "-")
        reason = f"not installed: {missing}; {hint('snn[nir]')}"
        if {"-h", "--help"} & {*words}:
            print(f"usage: snn nir [-h] {{check,show,run,diff,convert}} ...\n\nTo {_NIR}.\n\n{reason}")
            return 0
        print(f"snn nir: {reason}", file=sys.stderr)
        return 1
    return run(words)
