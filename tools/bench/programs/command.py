"""``python -m bench --programs``: measure whole training steps, print the tables, write everything as JSON."""

from __future__ import annotations

from typing import Any

from bench import report
from bench.programs import tables
from bench.programs.catalog import PROGRAMS
from bench.programs.contestants import CONTESTANTS, OWN
from bench.programs.measure import measured
from bench.programs.page import page

_QUICK = ("population", "regression-2")


def main(session: report.Session) -> None:
    """Measure programs, following the command line after ``--programs``."""
    parser = report.parser("--programs", "program", PROGRAMS, "dist/bench-programs.json", _QUICK, rounds=15)
    parser.add_argument("--peers", nargs="+", choices=CONTESTANTS, help="run only these besides ours")
    parser.add_argument("--batch", type=report.positive, help="batch size, instead of those of the programs")
    parser.add_argument("--steps", type=report.positive, help="time steps, instead of those of the programs")
    options = report.parse(parser, session.words)
    plan = report.plan(options, 0.3)
    sizes = {name: size for name in ("batch", "steps") if (size := getattr(options, name))}
    contestants = [name for name in CONTESTANTS if not options.peers or name in {OWN, *options.peers}]

    def measure() -> dict[str, Any]:
        return measured(options.names, contestants, session.python, session.absent, plan, sizes) | {
            "machine": {"threads": plan.threads},
            "rounds": plan.rounds,
            "sizes": sizes,
        }

    report.run(session, options, measure, tables.every, page)
