"""``python -m bench --accuracy``: train the tasks of ``snn demo`` with several seeds, and write the page."""

from __future__ import annotations

import json
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from bench import machine, report
from bench.tables import Table, figure, sections
from marked import Part

# The accuracy that each task should reach on average, and the seconds it may take.
TARGETS = {"digits": (0.985, 10), "mnist": (0.97, 300), "vowels": (0.95, 180)}
PART = Part("<!-- tables: written by tools/bench/accuracy -->", "<!-- end of the tables -->")
_VERSIONS = ("python", "torch", "snn", "snn-core", "snn-cpu", "snn-functional", "snn-data")
Runs = list[dict[str, Any]]


def main(session: report.Session) -> None:
    """Train tasks, following the command line after ``--accuracy``."""
    parser = report.parser("--accuracy", "task", TARGETS, "dist/bench-accuracy.json")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(5)), help="default: 0 to 4")
    parser.add_argument("--epochs", type=int, help="default: the task's own")
    options = report.parse(parser, session.words)

    def measure() -> dict[str, Any]:
        runs: dict[str, dict[str, Any]] = {name: {} for name in TARGETS}
        for name in options.names:
            for seed in sorted(options.seeds):
                runs[name][str(seed)] = trained(name, seed, options.epochs, options.threads or 1)
                report.say(f"{name}, seed {seed}: {100 * runs[name][str(seed)]['test_accuracy']:.2f} %")
        return {"runs": runs}

    report.run(session, options, measure, tables, page)


def page(text: str, results: dict[str, Any]) -> str:
    """Return the page with the tables of these results; raise a ValueError if it lacks the lines around them."""
    return PART.put(text, lambda: sections(tables(results)))


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


def tables(results: dict[str, Any]) -> Iterator[Table]:
    """Yield all tables of the results in ``dist/bench-accuracy.json``, without tasks that have no run."""
    runs = {name: list(of.values()) for name, of in results["runs"].items() if of}
    head = ["task", "network", "samples", "seeds", "mean", "worst", "target", "seconds, median", "target"]
    yield Table("Accuracy on the test part", head, [_accuracy(name, of) for name, of in runs.items()])
    head = ["command", "test", "training", "silent", "seconds of training", "seconds in all", "SHA-256 of the weights"]
    yield Table("Seed by seed", head, [_seed(run) for of in runs.values() for run in of])
    head = ["", "neurons", "spikes per neuron and step", "dead", "saturated", "synaptic operations per sample"]
    layers = [(name, layers) for name, of in runs.items() for layers in zip(*(r["layers"] for r in of), strict=True)]
    yield Table("Layers", [*head, "share of the dense operations"], [_layer(*layer) for layer in layers])
    installed = next(iter(runs.values()))[0]["versions"]
    versions = machine.listed({name: installed[name] for name in _VERSIONS if name in installed})
    threads = " and ".join(sorted({str(run["manifest"]["threads"]) for of in runs.values() for run in of}))
    yield Table("What ran", ["", ""], [["versions", versions], *machine.rows(results, "torch", threads)])


def _accuracy(name: str, of: Runs) -> list[str]:
    shares, seconds = [run["test_accuracy"] for run in of], statistics.median(run["seconds"]["all"] for run in of)
    (least, longest), mean = TARGETS[name], statistics.fmean(shares)
    return [
        f"{name}: {of[0]['title']}",
        " – ".join(str(layer["neurons"]) for layer in of[0]["layers"]),
        f"{of[0]['samples']['train']} + {of[0]['samples']['test']}",
        str(len(of)),
        _percent(mean),
        _percent(min(shares)),
        f"{_percent(least)}, {'reached' if mean >= least else 'missed'}",
        figure(seconds),
        f"{longest}, {'reached' if seconds <= longest else 'missed'}",
    ]


def _seed(run: dict[str, Any]) -> list[str]:
    accuracies = [_percent(run[name]) for name in ("test_accuracy", "train_accuracy", "test_silent")]
    seconds = [figure(run["seconds"][name]) for name in ("training", "all")]
    return [f"`{run['command']}`", *accuracies, *seconds, run["manifest"]["weights_sha256"][:16]]


def _layer(task: str, layers: Sequence[dict[str, Any]]) -> list[str]:
    mean = {key: statistics.fmean(layer[key] for layer in layers) for key in layers[0] if key != "name"}
    share = f"{_percent(mean['synops'] / mean['dense'])} of the dense {mean['dense']:,.0f}" if mean["dense"] else ""
    rates = [figure(mean[name]) for name in ("rate", "dead", "saturated")]
    return [f"{task}: {layers[0]['name']}", f"{mean['neurons']:.0f}", *rates, f"{mean['synops']:,.0f}", share]


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
