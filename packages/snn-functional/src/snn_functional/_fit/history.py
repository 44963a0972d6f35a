"""The record of a training run, one row for each epoch."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from snn_core.results import Line, Result

_SHOWN = 8  # the last epochs, in the table


@dataclass(frozen=True, repr=False)
class History(Result):
    """The result of :func:`~snn_functional.fit`: a table when printed, HTML in a notebook, data by ``to_dict``.

    Args:
        epochs: A record for each epoch: ``epoch``, counted from 1, ``train_loss``, ``valid_loss``, ``metric`` (None
            without one), ``lr``, the learning rate, and ``seconds``.
        best_epoch: The epoch whose net was kept; 0 before the first one.
    """

    epochs: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0

    @property
    def best(self) -> dict[str, Any]:
        """The record of the epoch whose net was kept."""
        return self.epochs[self.best_epoch - 1]

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the values of each column by name, as JSON data; ``snn.plot.training_curve`` draws them."""
        return {name: [record[name] for record in self.epochs] for name in (self.epochs or [{}])[0]}

    def save(self, path: str | PathLike[str]) -> None:
        """Write ``to_dict()`` to a JSON file."""
        Path(path).write_text(json.dumps(self.to_dict(), indent=1) + "\n", encoding="utf-8")

    def _lines(self) -> list[Line]:
        shown = [record for record in self.epochs[:-_SHOWN] if record["epoch"] == self.best_epoch]
        return [
            ("epoch", "train loss", "valid loss", "metric", "seconds"),
            *(_cells(record, self.best_epoch) for record in [*shown, *self.epochs[-_SHOWN:]]),
            f"{len(self.epochs)} epochs; * epoch {self.best_epoch} is the best",
        ]


def _cells(record: dict[str, Any], best: int) -> tuple[str, ...]:
    mark = " *" if record["epoch"] == best else ""
    metric = "-" if record["metric"] is None else f"{record['metric']:.4g}"
    losses = (f"{record[name]:.4g}" for name in ("train_loss", "valid_loss"))
    return (f"{record['epoch']}{mark}", *losses, metric, f"{record['seconds']:.3g}")
