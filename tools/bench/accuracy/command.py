"""``python -m bench --accuracy``: train every task with several seeds, print the table, write everything as JSON."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
from typing import Any

from bench import report
from bench.accuracy import tables
from bench.tables import sections
from marked import Part

TASKS = tuple(tables.TARGETS)
PART = Part("<!-- tables: written by tools/bench/accuracy -->", "<!-- end of the tables -->")


def main(session: report.Session) -> None:
    """Train tasks, following the command line after ``--accuracy``."""
    parser = report.parser("--accuracy", "task", TASKS, "dist/bench-accuracy.json")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(5)), help="default: 0 to 4")
    parser.add_argument("--epochs", type=int, help="default: the task's own")
    options = report.parse(parser, session.words)

    def measure() -> dict[str, Any]:
        runs: dict[str, dict[str, Any]] = {name: {} for name in TASKS}
        for name in options.names:
            for seed in sorted(options.seeds):
                runs[name][str(seed)] = trained(name, seed, options.epochs, options.threads or 1)
                report.say(f"{name}, seed {seed}: {100 * runs[name][str(seed)]['test_accuracy']:.2f} %")
        return {"runs": runs}

    report.run(session, options, measure, tables.every, page)


def page(text: str, results: dict[str, Any]) -> str:
    """Return the page with the tables of these results; raise a ValueError if it lacks the lines around them."""
    return PART.put(text, lambda: sections(tables.every(results)))


def trained(task: str, seed: int, epochs: int | None, threads: int) -> dict[str, Any]:
    """Run ``snn demo --json`` in a new process, and return what it prints without the rates of single neurons.

    Raises:
        RuntimeError: If it fails; the message contains its standard error.
    """
    words = ["demo", "--task", task, "--seed", str(seed), "--threads", str(threads), "--json"]
    words += [] if epochs is None else ["--epochs", str(epochs)]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "snn", *words, "--out", folder]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        raise RuntimeError(f"snn {shlex.join(words)} ended with code {process.returncode}: {process.stderr}")
    result = json.loads(process.stdout)
    result["layers"] = [{name: of for name, of in layer.items() if name != "rates"} for layer in result["layers"]]
    return result
