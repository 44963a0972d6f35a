"""Command line and output of every benchmark."""

from __future__ import annotations

import argparse
import datetime
import json
import pathlib
import shlex
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from bench import machine
from bench.peers.registry import PEERS, Peer
from bench.process import Plan
from bench.programs.contestants import CONTESTANTS, Contestant
from bench.tables import Table, sections


class Session(NamedTuple):
    """A command line, split into what the nox session adds and what its user typed."""

    python: dict[str, str]  # the interpreter of each environment by name; "" is this one
    absent: dict[str, str]  # reasons why environments are missing, by name
    words: list[str]  # arguments that the user typed after the command
    command: str  # the whole command as the user typed it


def session(arguments: Sequence[str] | None) -> Session:
    """Take what the session adds, ``--python NAME=PATH`` and ``--absent NAME=WHY``, out of a command line.

    Example:
        >>> session(["--absent", "spyx=no wheel", "W2"])[1:]
        ({'spyx': 'no wheel'}, ['W2'], 'nox -s bench -- W2')
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for option in ("--python", "--absent"):
        parser.add_argument(option, action="append", type=lambda text: text.partition("=")[::2], default=[])
    options, words = parser.parse_known_args(arguments)
    command = shlex.join(["nox", "-s", "bench", *(["--", *words] if words else [])])
    return Session({"": sys.executable} | dict(options.python), dict(options.absent), words, command)


def environments(words: Collection[str]) -> set[str]:
    """Return the names of the environments that a benchmark runs in: "" is this one.

    Example:
        >>> environments(["--programs", "--peers", "norse"])
        {'norse'}
    """
    if not {"--accuracy", "--again", "--latency", "--scaling", "--windows"}.isdisjoint(words):
        return {""}
    if "--functions" in words:
        return {"", "snntorch"}
    known: Mapping[str, Peer | Contestant] = CONTESTANTS if "--programs" in words else PEERS
    named = [item for name, item in known.items() if name in words]
    return {item.environment for item in named or known.values()}


def parser(
    words: str, kind: str, known: Iterable[str], out: str, quick: Sequence[str] = (), rounds: int = 0
) -> argparse.ArgumentParser:
    """Make a parser with the options that every benchmark has.

    Args:
        words: Words of the command that choose the benchmark.
        kind: What it measures, such as a workload.
        known: Names of all that it can measure.
        out: The default JSON file.
        quick: Names of what it measures with ``--quick``, in two rounds.
        rounds: Default number of rounds that count; 0 for a benchmark without rounds, which has no ``--quick`` either.
    """
    parser = argparse.ArgumentParser(prog=f"nox -s bench -- {words}".rstrip(), allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar=kind.upper(), help=f"any of {', '.join(known)} (default: all)")
    parser.add_argument("--threads", type=positive, help="threads of each library")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(out), help="the JSON file")
    parser.add_argument("--page", type=pathlib.Path, help="also write this page of the documentation")
    parser.add_argument(
        "--again", action="store_true", help="measure nothing, make the tables from the existing JSON file"
    )
    if rounds:
        parser.add_argument("--rounds", type=positive, help=f"rounds that count (default: {rounds})")
        parser.add_argument("--quick", action="store_true", help="measure little, to check that everything works")
    parser.set_defaults(kind=kind, known=[*known], all_rounds=rounds, quick=False, quick_names=[*quick])
    return parser


def positive(text: str) -> int:
    """Read a whole number of at least 1 from a command line."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Read a command line; fill in ``names`` and ``rounds``, and end with an error if a name is not known."""
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in options.known]:
        parser.error(f"no {options.kind} {', '.join(unknown)}: choose from {', '.join(options.known)}")
    options.names = options.names or (options.quick_names if options.quick else options.known)
    if options.all_rounds:
        options.rounds = options.rounds or (2 if options.quick else options.all_rounds)
    return options


def plan(options: argparse.Namespace, seconds: float, threads: int = 0, **more: Any) -> Plan:
    """Return the plan that the options of `parse` ask for, with so many seconds per turn unless ``--quick`` is given.

    ``threads`` is the default number for each library; 0 stands for the number of cores.
    """
    brief = 0.05 if options.quick else seconds
    threads = options.threads or threads or int(machine.described()["cores"])
    return Plan(options.rounds, brief, threads, memory=not options.quick, **more)


def run(
    session: Session,
    options: argparse.Namespace,
    measure: Callable[[], dict[str, Any]],
    tables: Callable[[dict[str, Any]], Iterable[Table]],
    page: Callable[[str, dict[str, Any]], str],
) -> None:
    """Measure, or read what was measured; print the tables, and write the JSON file and, if asked for, the page.

    The file also records the machine, the date and the command. The new page is made from the text of the old one.
    """
    started = time.monotonic()
    if options.again:
        results = json.loads(options.out.read_text(encoding="utf-8"))
    else:
        results = measure()
        results["machine"] = machine.described() | results.get("machine", {})
        results |= {"command": session.command, "date": today()}
    say(f"took {(time.monotonic() - started) / 60:.1f} minutes")
    print(sections(tables(results)))
    texts = {options.out: json.dumps(results, indent=1) + "\n"}
    if options.page:
        before = options.page.read_text(encoding="utf-8") if options.page.exists() else ""
        texts[options.page] = page(before, results)
    write(texts)


def write(texts: Mapping[pathlib.Path, str]) -> None:
    """Write files, and make their folders if needed."""
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        say(f"wrote {file}")


def say(text: str) -> None:
    """Print to standard error what is being done, with the time."""
    print(f"{datetime.datetime.now():%H:%M:%S} {text}", file=sys.stderr, flush=True)


def what_ran(command: str, packages: Iterable[str], threads: object, *more: Sequence[str]) -> Table:
    """Return the table of what has just run on this machine, with more rows after that of the versions."""
    versions = ["versions", machine.listed(machine.versions(*packages))]
    facts = {"machine": machine.described(), "date": today(), "command": command}
    return Table("What ran", ["", ""], [versions, *more, *machine.rows(facts, "torch", threads)])


def today() -> str:
    """Return the date, as YYYY-MM-DD."""
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"
