"""The front and the end of every benchmark: its command line, and what it writes."""

from __future__ import annotations

import argparse
import datetime
import json
import pathlib
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from bench.process import Plan
from bench.tables import Table, sections


class Session(NamedTuple):
    """The words of a command line, those of the session of nox apart from those of its user.

    Args:
        python: The interpreter of each environment by name; "" is this one.
        absent: Why an environment is not there, by name.
        words: What the user typed behind the command.
        command: What the user typed in all.
    """

    python: dict[str, str]
    absent: dict[str, str]
    words: list[str]
    command: str


def session(arguments: Sequence[str] | None) -> Session:
    """Take what the session adds, ``--python NAME=PATH`` and ``--absent NAME=WHY``, out of a command line.

    Args:
        arguments: Of the command line; those of this process when None.

    Example:
        >>> session(["--absent", "spyx=no wheel", "W2"])[1:]
        ({'spyx': 'no wheel'}, ['W2'], 'nox -s bench -- W2')
    """
    made = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for option in ("--python", "--absent"):
        made.add_argument(option, action="append", type=lambda text: text.partition("=")[::2], default=[])
    asked, words = made.parse_known_args(arguments)
    command = shlex.join(["nox", "-s", "bench", *(["--", *words] if words else [])])
    return Session({"": sys.executable} | dict(asked.python), dict(asked.absent), words, command)


def parser(
    words: str, kind: str, known: Iterable[str], out: str, quick: Sequence[str] = (), rounds: int = 0
) -> argparse.ArgumentParser:
    """Make a parser with the options that every benchmark has.

    Args:
        words: Of the command, that choose the benchmark.
        kind: What its names are of.
        known: Names of what it can measure.
        out: The JSON file, unless another is named.
        quick: Names of what it measures with ``--quick``, in two rounds.
        rounds: Rounds that count, unless another number is named; 0 where it has none, and no ``--quick``.
    """
    made = argparse.ArgumentParser(prog=f"nox -s bench -- {words}".rstrip(), allow_abbrev=False)
    made.add_argument("names", nargs="*", metavar=kind.upper(), help=f"of {', '.join(known)}; all without")
    made.add_argument("--threads", type=int, help="of each library")
    made.add_argument("--out", type=pathlib.Path, default=pathlib.Path(out), help="the JSON file")
    made.add_argument("--page", type=pathlib.Path, help="write the page of the documentation too")
    made.add_argument("--again", action="store_true", help="measure nothing: the tables of the JSON file that is there")
    if rounds:
        made.add_argument("--rounds", type=int, help=f"rounds that count; {rounds} without")
        made.add_argument("--quick", action="store_true", help="measure little, to see that it works")
    made.set_defaults(kind=kind, known=[*known], all_rounds=rounds, quick=False, quick_names=[*quick])
    return made


def parse(made: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Read a command line, and end with an error where it names what there is not.

    Returns:
        The options, ``names`` and ``rounds`` as they are without any named.
    """
    asked = made.parse_args(arguments)
    if unknown := [name for name in asked.names if name not in asked.known]:
        made.error(f"no {asked.kind} {', '.join(unknown)}: choose from {', '.join(asked.known)}")
    asked.names = asked.names or (asked.quick_names if asked.quick else asked.known)
    if asked.all_rounds:
        asked.rounds = asked.rounds or (2 if asked.quick else asked.all_rounds)
    return asked


def plan(asked: argparse.Namespace, seconds: float, threads: int, **more: Any) -> Plan:
    """Return the effort that a command line asks for.

    Args:
        asked: What `parse` returned, of a benchmark with ``--quick``.
        seconds: Of one turn in a round, if it is not to be quick.
        threads: Of each library, unless another number is named.
        more: What else a plan has.
    """
    brief = 0.05 if asked.quick else seconds
    return Plan(asked.rounds, brief, asked.threads or threads, memory=not asked.quick, **more)


def run(
    asked: argparse.Namespace,
    measure: Callable[[], dict[str, Any]],
    tables: Callable[[dict[str, Any]], Iterable[Table]],
    page: Callable[[str, dict[str, Any]], str],
) -> None:
    """Measure, or read what was measured; print the tables, and write the JSON file and, if asked for, the page.

    Args:
        asked: What `parse` returned.
        measure: Returns what the JSON file is to hold.
        tables: Makes the tables of it.
        page: Makes the page, given that which is there.
    """
    started = time.monotonic()
    found = json.loads(asked.out.read_text(encoding="utf-8")) if asked.again else measure()
    say(f"took {(time.monotonic() - started) / 60:.1f} minutes")
    print(sections(tables(found)))
    texts = {asked.out: json.dumps(found, indent=1) + "\n"}
    if asked.page:
        before = asked.page.read_text(encoding="utf-8") if asked.page.exists() else ""
        texts[asked.page] = page(before, found)
    write(texts)


def write(texts: Mapping[pathlib.Path, str]) -> None:
    """Write files, and make the folders that they need."""
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        say(f"wrote {file}")


def say(text: str) -> None:
    """Print what is being done, with the time, where it is in nobody's way."""
    print(f"{datetime.datetime.now():%H:%M:%S} {text}", file=sys.stderr, flush=True)


def today() -> str:
    """Return the date, as YYYY-MM-DD."""
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"
