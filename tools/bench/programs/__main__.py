"""``python -m bench --programs``: measure whole training steps, print the tables, write everything as JSON."""

from __future__ import annotations

import sys
from typing import Any

from bench import machine, report
from bench.programs import tables
from bench.programs.catalog import PROGRAMS
from bench.programs.contestants import CONTESTANTS, OWN
from bench.programs.measure import Plan, measured
from bench.programs.page import page

__all__ = ["main"]

_QUICK = ("population", "regression-2")


def main(arguments: list[str], pythons: dict[str, str], absent: dict[str, str], command: str) -> None:
    """Run it.

    Args:
        arguments: Of the command line, after ``--programs``.
        pythons: The interpreter of each environment by name; "" is this one.
        absent: Why an environment is not there, by name.
        command: What was typed.
    """
    parser = report.parser("--programs", "program", PROGRAMS, "dist/bench-programs.json")
    parser.add_argument("--peers", nargs="+", choices=CONTESTANTS, help="run only these beside ours")
    parser.add_argument("--quick", action="store_true", help="measure little, to see that it works")
    parser.add_argument("--rounds", type=int, help="rounds that count; 15 without")
    parser.add_argument("--batch", type=int, help="samples, in place of those of the programs")
    parser.add_argument("--steps", type=int, help="time steps, in place of those of the programs")
    asked = report.parse(parser, arguments)
    described = machine.described()
    plan = Plan(
        rounds=asked.rounds or (2 if asked.quick else 15),
        seconds=0.05 if asked.quick else 0.3,
        threads=asked.threads or int(described["cores"]),
        sizes={name: size for name in ("batch", "steps") if (size := getattr(asked, name))},
    )
    names = asked.names or list(_QUICK if asked.quick else PROGRAMS)
    contestants = [name for name in CONTESTANTS if not asked.peers or name in {OWN, *asked.peers}]

    def measure() -> dict[str, Any]:
        return measured(names, contestants, {"": sys.executable} | pythons, absent, plan, report.say) | {
            "command": command,
            "machine": described | {"threads": plan.threads},
            "rounds": plan.rounds,
            "sizes": plan.sizes,
            "date": report.today(),
        }

    report.run(asked, measure, tables.every, page)
