"""The front and the end of every benchmark: its command line, and what it writes."""

from __future__ import annotations

import argparse
import datetime
import json
import pathlib
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bench.tables import Table, sections

__all__ = ["parse", "parser", "run", "say", "today", "write"]


def parser(words: str, kind: str, known: Iterable[str], out: str) -> argparse.ArgumentParser:
    """Make a parser with the options that every benchmark has.

    Args:
        words: Of the command, that choose the benchmark.
        kind: What its names are of.
        known: Names of what it can measure.
        out: The JSON file, unless another is named.
    """
    made = argparse.ArgumentParser(prog=f"nox -s bench -- {words}".rstrip(), allow_abbrev=False)
    made.add_argument("names", nargs="*", metavar=kind.upper(), help=f"of {', '.join(known)}; all without")
    made.add_argument("--threads", type=int, help="of each library")
    made.add_argument("--out", type=pathlib.Path, default=pathlib.Path(out), help="the JSON file")
    made.add_argument("--page", type=pathlib.Path, help="write the page of the documentation too")
    made.add_argument("--again", action="store_true", help="measure nothing: the tables of the JSON file that is there")
    made.set_defaults(kind=kind, known=[*known])
    return made


def parse(made: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Read a command line, and end with an error where it names what there is not."""
    asked = made.parse_args(arguments)
    if unknown := [name for name in asked.names if name not in asked.known]:
        made.error(f"no {asked.kind} {', '.join(unknown)}: choose from {', '.join(asked.known)}")
    return asked


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
