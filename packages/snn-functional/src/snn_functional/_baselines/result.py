"""The table of what ordinary models reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from snn_core.results import Line, Result, count


@dataclass(frozen=True, repr=False)
class Baselines(Result):
    """The result of :func:`~snn_functional.baselines`: a table when printed, HTML in a notebook, data by ``to_dict``.

    Args:
        measure: What was measured, ``"accuracy"`` or ``"R²"``.
        samples: The number of samples of each part.
        trials: The number of settings that each trained model was tried with.
        epochs: The highest number of epochs.
        models: A record for each model; its keys are those of ``to_dict()``.
    """

    measure: str
    samples: dict[str, int]
    trials: int
    epochs: int
    models: dict[str, dict[str, Any]]

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return a record for each model by name, as JSON data.

        It has ``valid`` and ``test``, the accuracy or R², ``valid_loss`` and ``test_loss``, ``parameters``,
        ``operations``, the multiplications of weights, each with an addition, for a test sample of the mean length,
        ``hidden``, ``learning_rate``, ``weight_decay`` and ``epoch``, the chosen ones (None where there are none), and
        ``seconds``.
        """
        return {name: dict(record) for name, record in self.models.items()}

    def _lines(self) -> list[Line]:
        head = ("model", "valid", "test", "parameters", "operations", "learning rate", "weight decay")
        rows = [_cells(name, record) for name, record in self.models.items()]
        numbers = ", ".join(f"{name} {count(number)}" for name, number in self.samples.items())
        chosen = (
            f"{self.measure}; samples: {numbers}; epoch and settings, {self.trials} for each model, are chosen on valid"
        )
        last = [name for name, record in self.models.items() if record["epoch"] == self.epochs]
        notes = [chosen, *([f"more epochs may be better for {', '.join(last)}"] if last else [])]
        return [(*head, "epoch", "seconds"), *rows, *notes]


def _cells(name: str, record: dict[str, Any]) -> tuple[str, ...]:
    shares = (f"{record[part]:.4f}" for part in ("valid", "test"))
    chosen = ("-" if record[key] is None else f"{record[key]:g}" for key in ("learning_rate", "weight_decay", "epoch"))
    return (
        name,
        *shares,
        count(record["parameters"]),
        count(record["operations"]),
        *chosen,
        f"{record['seconds']:.3g}",
    )
