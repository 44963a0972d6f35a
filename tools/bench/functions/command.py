"""``python -m bench --functions``: measure the functions, print the tables, write everything as JSON."""

from __future__ import annotations

import sys
from typing import Any

from bench import report
from bench.functions import tables
from bench.functions.cases import CASES
from bench.functions.measure import measured
from bench.functions.page import page

_QUICK = ("ce_count_loss", "rate", "data_subset")


def main(session: report.Session) -> None:
    """Measure functions; snnTorch runs in this environment unless it has its own.

    Raises:
        RuntimeError: If snnTorch is missing.
    """
    if "snntorch" in session.absent:
        raise RuntimeError(f"snnTorch, the library to compare with, is missing: {session.absent['snntorch']}")
    pythons = {"snn": sys.executable, "snntorch": session.python.get("snntorch", sys.executable)}
    parser = report.parser("--functions", "function", CASES, "dist/bench-functions.json", _QUICK, rounds=6)
    options = report.parse(parser, session.words)
    plan = report.plan(options, 0.1, threads=1)

    def measure() -> dict[str, Any]:
        ran = {"machine": {"threads": plan.threads}, "rounds": plan.rounds}
        return measured(options.names, pythons, plan) | ran

    report.run(session, options, measure, tables.every, lambda text, results: page(results))
