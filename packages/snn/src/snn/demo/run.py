"""One run of the demonstration, from the data to the report."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

import snn
from snn.demo.network import record
from snn.demo.pieces import require_pieces
from snn.demo.progress import Progress
from snn.demo.report import write_report
from snn.demo.settings import Settings
from snn.demo.training import evaluate, train
from snn.versions import behind

__all__ = ["run"]

# The training digit that the report looks at.
SHOWN = 3


def run(settings: Settings, folder: str | Path) -> dict[str, Any]:
    """Train on the training part, measure once on the test part, and write ``report.html`` and ``result.json``.

    Args:
        settings: The settings.
        folder: Where to write; made if it is not there, files of an earlier run are replaced.

    Returns:
        What ``result.json`` holds: accuracies and shares in [0, 1], times in seconds, history, confusion matrix,
        settings and versions.

    Raises:
        MissingPieces: If something that it needs is not installed.
        OSError: If the folder cannot be written to.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     result = run(Settings(epochs=1, hidden=20), folder)
        >>> result["samples"]
        {'train': 1438, 'test': 359}
    """
    require_pieces()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    parts = snn.data.digits(settings.test_share, settings.split_seed)
    with one_thread():
        net, history = train(settings, parts.train.data, parts.train.targets, Progress(settings.epochs))
        trained = time.perf_counter()
        # the only time that the test part is looked at
        test = evaluate(net, parts.test.data, parts.test.targets, settings)
        train_accuracy = evaluate(net, parts.train.data, parts.train.targets, settings).accuracy
        recording = record(net, parts.train.data[SHOWN], settings.num_steps)
    result: dict[str, Any] = {
        "test_accuracy": test.accuracy,
        "test_silent": test.silent,
        "train_accuracy": train_accuracy,
        "samples": {"train": len(parts.train), "test": len(parts.test)},
        "seconds": {"training": round(trained - started, 2)},
        "settings": asdict(settings),
        "history": history,
        "confusion": test.confusion,
        "versions": behind("snn[demo]"),
    }
    thresholds = (net.hidden.threshold.item(), net.output.threshold.item())
    image, digit = parts.train.data[SHOWN], int(parts.train.targets[SHOWN])
    result["report"] = str(write_report(folder, result, image, digit, recording, thresholds))
    result["seconds"]["all"] = round(time.perf_counter() - started, 2)
    (folder / "result.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return result


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread for a while.

    Matrices this small gain nothing from more, and sums come out the same whatever the number of cores.

    Example:
        >>> with one_thread():
        ...     torch.get_num_threads()
        1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
