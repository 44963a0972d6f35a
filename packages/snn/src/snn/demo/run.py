"""One run of the demonstration, from the data to the report."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from snn.demo.activity import activity
from snn.demo.manifest import environment, weights_sha256
from snn.demo.pieces import REQUIREMENTS, require_pieces
from snn.demo.progress import Progress
from snn.demo.recording import Recording, record
from snn.demo.report import write_report
from snn.demo.task import Parts, Task
from snn.demo.training import batches_per_epoch, evaluate, train
from snn.threads import computing_on
from snn.versions import behind

__all__ = ["run", "trained", "versions_of"]

# The training sample that the report shows.
SHOWN = 3


def run(task: Task, folder: str | Path, threads: int = 1) -> dict[str, Any]:
    """Train on the training part, measure once on the test part, and write ``report.html`` and ``run.json``.

    Args:
        task: The task with its settings.
        folder: The folder to write to, created if it does not exist; files of an earlier run are replaced.
        threads: Threads that torch computes on.

    Returns:
        The content of ``run.json``: accuracies and shares in [0, 1], times in seconds, history, confusion matrix,
        activity of each layer, settings, versions and manifest.

    Raises:
        MissingPieces: If something that it needs is not installed.
        OSError: If the folder cannot be written to.
    """
    require_pieces(task.name)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    parts = task.load()
    with computing_on(threads):
        result, recording = trained(task, parts)
    result["report"] = str(write_report(folder, result, recording))
    result["seconds"]["all"] = round(time.perf_counter() - started, 2)
    (folder / "run.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return result


def trained(task: Task, parts: Parts) -> tuple[dict[str, Any], Recording]:
    """Train with a line of progress, and measure once on the test part.

    Returns:
        The content of ``run.json`` without the place of the report and the total time, and the recording to report.
    """
    started = time.perf_counter()
    net, history = train(task, parts.train, Progress(task.settings.epochs, batches_per_epoch(task, parts.train)))
    seconds = time.perf_counter() - started
    # the only time that the test part is used
    test = evaluate(task, net, parts.test)
    result: dict[str, Any] = {
        "task": task.name,
        "title": task.title,
        "command": _command(task),
        "test_accuracy": test.accuracy,
        "train_accuracy": evaluate(task, net, parts.train).accuracy,
        "test_silent": test.silent,
        "samples": {"train": len(parts.train), "test": len(parts.test)},
        "seconds": {"training": round(seconds, 2)},
        "settings": asdict(task.settings),
        "versions": versions_of(task),
        "manifest": {
            "seed": task.settings.seed,
            **environment(task, parts),
            "weights_sha256": weights_sha256(net),
        },
        "history": history,
        "classes": list(task.classes),
        "confusion": test.confusion,
        "layers": activity(task, net, parts.test),
    }
    return result, record(task, net, parts.train, SHOWN)


def versions_of(task: Task) -> dict[str, str]:
    """Return the exact versions of everything that a task needs."""
    return {name: version for requirement in REQUIREMENTS[task.name] for name, version in behind(requirement).items()}


def _command(task: Task) -> str:
    words = f"snn demo --task {task.name} --seed {task.settings.seed} --epochs {task.settings.epochs}"
    threads = torch.get_num_threads()
    return words if threads == 1 else f"{words} --threads {threads}"
