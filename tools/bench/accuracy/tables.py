"""Tables of the accuracies of the runs."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

from bench import machine
from bench.tables import Table, figure

# The accuracy that each task should reach on average, and the seconds it may take.
TARGETS = {"digits": (0.985, 10), "mnist": (0.97, 300), "vowels": (0.95, 180)}


def every(results: dict[str, Any]) -> Iterator[Table]:
    """Yield all tables of the results in ``dist/bench-accuracy.json``, without tasks that have no run."""
    runs = {name: list(of.values()) for name, of in results["runs"].items() if of}
    yield Table("Accuracy on the test part", *_accuracies(runs))
    yield Table("Seed by seed", *_seeds(runs))
    yield Table("Layers", *_layers(runs))
    yield Table("What ran", ["", ""], _ran(results, runs))


def _accuracies(runs: dict[str, list[dict[str, Any]]]) -> tuple[list[str], list[list[str]]]:
    head = ["task", "network", "samples", "seeds", "mean", "worst", "target", "seconds, median", "target"]
    rows = []
    for name, of in runs.items():
        shares, seconds = [run["test_accuracy"] for run in of], statistics.median(run["seconds"]["all"] for run in of)
        least, longest = TARGETS[name]
        mean = statistics.fmean(shares)
        rows.append(
            [
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
        )
    return head, rows


def _seeds(runs: dict[str, list[dict[str, Any]]]) -> tuple[list[str], list[list[str]]]:
    head = ["command", "test", "training", "silent", "seconds of training", "seconds in all", "SHA-256 of the weights"]
    rows = [
        [
            f"`{run['command']}`",
            _percent(run["test_accuracy"]),
            _percent(run["train_accuracy"]),
            _percent(run["test_silent"]),
            figure(run["seconds"]["training"]),
            figure(run["seconds"]["all"]),
            run["manifest"]["weights_sha256"][:16],
        ]
        for of in runs.values()
        for run in of
    ]
    return head, rows


def _layers(runs: dict[str, list[dict[str, Any]]]) -> tuple[list[str], list[list[str]]]:
    head = [
        "",
        "neurons",
        "spikes per neuron and step",
        "dead",
        "saturated",
        "synaptic operations per sample",
        "share of the dense operations",
    ]
    rows = []
    for name, of in runs.items():
        for layers in zip(*(run["layers"] for run in of), strict=True):
            mean = {key: statistics.fmean(layer[key] for layer in layers) for key in layers[0] if key != "name"}
            share = mean["synops"] / mean["dense"] if mean["dense"] else None
            rows.append(
                [
                    f"{name}: {layers[0]['name']}",
                    f"{mean['neurons']:.0f}",
                    figure(mean["rate"]),
                    figure(mean["dead"]),
                    figure(mean["saturated"]),
                    f"{mean['synops']:,.0f}",
                    "" if share is None else f"{_percent(share)} of the dense {mean['dense']:,.0f}",
                ]
            )
    return head, rows


def _ran(results: dict[str, Any], runs: dict[str, list[dict[str, Any]]]) -> list[list[str]]:
    installed = next(iter(runs.values()))[0]["versions"]
    threads = sorted({run["manifest"]["threads"] for of in runs.values() for run in of})
    versions = ("python", "torch", "snn", "snn-core", "snn-cpu", "snn-functional", "snn-data")
    return [
        ["versions", machine.listed({name: installed[name] for name in versions if name in installed})],
        *machine.rows(results, "torch", " and ".join(map(str, threads))),
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
