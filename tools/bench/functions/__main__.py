"""``python -m bench.functions``: measure the functions, print the tables, write everything as JSON."""

from __future__ import annotations

import shlex
import sys
from typing import Any

from bench import machine, report
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
    parser = report.parser("--functions", "function", CASES, "dist/bench-functions.json")
    parser.add_argument("--quick", action="store_true", help="measure little, to see that it works")
    parser.add_argument("--rounds", type=int, help="rounds that count")
    asked = report.parse(parser, arguments)
    names: list[str] = asked.names or list(_QUICK if asked.quick else CASES)
    plan = Plan(
        rounds=asked.rounds or (2 if asked.quick else 6),
        seconds=0.05 if asked.quick else 0.1,
        memory=not asked.quick,
        threads=asked.threads or 1,
    )
    report.run(asked, lambda: run(names, pythons, plan, command), tables.every, lambda text, found: page(found))


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
    return measured(names, pythons, plan, report.say) | {
        "command": command,
        "machine": machine.described() | {"threads": plan.threads},
        "rounds": plan.rounds,
        "date": report.today(),
    }


if __name__ == "__main__":  # with both libraries in one environment
    typed = sys.argv[1:]
    main(typed, dict.fromkeys(LIBRARIES, sys.executable), shlex.join(["python", "-m", "bench.functions", *typed]))
