"""``python -m bench.functions``: measure the functions, print the tables, write everything as JSON."""

from __future__ import annotations

import argparse
import datetime
import json
import pathlib
import shlex
import sys
from typing import Any

from bench import machine
from bench.functions import tables
from bench.functions.cases import CASES
from bench.functions.library import LIBRARIES
from bench.functions.measure import Plan, measured
from bench.functions.page import page

__all__ = ["main", "run"]

_QUICK = ("ce_count_loss", "rate", "data_subset")


def main(arguments: list[str], pythons: dict[str, str], command: str) -> None:
    """Run it.

    Args:
        arguments: Of the command line.
        pythons: The interpreter of each library's environment, by its name.
        command: What was typed.
    """
    parser = argparse.ArgumentParser(prog="nox -s bench -- --functions", allow_abbrev=False)
    parser.add_argument("functions", nargs="*", metavar="FUNCTION", help="names as in the table; all without")
    parser.add_argument("--quick", action="store_true", help="measure little, to see that it works")
    parser.add_argument("--rounds", type=int, help="rounds that count")
    parser.add_argument("--threads", type=int, default=1, help="of each library; 1 without")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("dist/bench-functions.json"))
    parser.add_argument("--page", type=pathlib.Path, help="write the page of the documentation too")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.functions if name not in CASES]
    if unknown:
        parser.error(f"no function {', '.join(unknown)}: choose from {', '.join(CASES)}")
    names: list[str] = asked.functions or list(_QUICK if asked.quick else CASES)
    found = run(names, pythons, _plan(asked), command)
    print("\n\n".join(f"{one.title}\n\n{one.markdown()}" for one in tables.every(found)))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    _say(f"wrote {asked.out}")
    if asked.page:
        asked.page.write_text(page(found), encoding="utf-8")
        _say(f"wrote {asked.page}")


def run(names: list[str], pythons: dict[str, str], plan: Plan, command: str) -> dict[str, Any]:
    """Measure.

    Args:
        names: Of the cases.
        pythons: The interpreter of each library's environment, by its name.
        plan: How thoroughly.
        command: What was typed.

    Returns:
        What the JSON file holds.
    """
    return measured(names, pythons, plan, _say) | {
        "command": command,
        "machine": machine.described() | {"threads": plan.threads},
        "rounds": plan.rounds,
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
    }


def _plan(asked: argparse.Namespace) -> Plan:
    return Plan(
        rounds=asked.rounds or (2 if asked.quick else 6),
        seconds=0.05 if asked.quick else 0.1,
        memory=not asked.quick,
        threads=asked.threads,
    )


def _say(text: str) -> None:
    print(f"{datetime.datetime.now():%H:%M:%S} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":  # with both libraries in one environment
    typed = sys.argv[1:]
    main(typed, dict.fromkeys(LIBRARIES, sys.executable), shlex.join(["python", "-m", "bench.functions", *typed]))
