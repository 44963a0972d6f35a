"""The training of a model with each of its settings, and the test of the best on the validation part."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn_functional._baselines.models import Model, size
from snn_functional._baselines.parts import Part
from snn_functional._fit.batches import Batches
from snn_functional._fit.checkpoint import Checkpoint
from snn_functional._fit.history import History
from snn_functional._fit.learning import Learning
from snn_functional._fit.measurement import Measurement
from snn_functional._fit.training import Training, train_net
from snn_functional.backprop._objective import Objective


class Contest(NamedTuple):
    """The parts, and what all models have in common."""

    parts: dict[str, Part]
    epochs: int
    patience: int | None
    batch_size: int
    seed: int
    device: torch.device
    shown: Any  # the bar

    def record(self, model: Model, settings: Sequence[tuple[float, float] | None]) -> dict[str, Any]:
        """Return what a model reaches with the best learning rate and weight decay; None is for no training."""
        begun = time.perf_counter()
        trials = [self._trial(model, setting) for setting in settings]
        measurement, record = max(trials, key=lambda trial: (trial[1]["valid"], -trial[1]["valid_loss"]))
        record |= self._measured("test", measurement, model) | {"seconds": time.perf_counter() - begun}
        net = measurement.net
        return record | {"parameters": size(net), "operations": self._operations(net, model), "hidden": model.hidden}

    def _trial(self, model: Model, setting: tuple[float, float] | None) -> tuple[Measurement, dict[str, Any]]:
        """Return a net, trained if there is a setting, and its record."""
        torch.default_generator.manual_seed(self.seed)
        loss, metric = (_cross_entropy, _accuracy) if self.parts["train"].targets.dim() == 1 else (_squared_error, None)
        net = model.make().to(self.device)
        measurement = Measurement(net, Objective(loss, None, net), metric, self.device, None, _run)
        chosen = {"learning_rate": None, "weight_decay": None, "epoch": None}
        if setting is not None:
            chosen = self._train(measurement, model, *setting)
        return measurement, self._measured("valid", measurement, model) | chosen

    def _train(self, measurement: Measurement, model: Model, rate: float, decay: float) -> dict[str, Any]:
        """Train a net as far as the validation loss falls; return what was chosen."""
        optimizer = partial(torch.optim.AdamW, lr=rate, weight_decay=decay)
        learning = Learning(measurement.net, optimizer, None, self.device, scaled=False)
        train = self._batches("train", model, torch.Generator().manual_seed(self.seed))
        valid = self._batches("valid", model)
        training = Training(measurement, learning, Checkpoint(None, {}, []), train, valid, self.shown)
        history = train_net(training, History(), {}, epochs=self.epochs, patience=self.patience)
        self.shown.update((train.number or 0) * (self.epochs - len(history.epochs)))  # not needed anymore
        return {"learning_rate": rate, "weight_decay": decay, "epoch": history.best_epoch}

    def _measured(self, name: str, measurement: Measurement, model: Model) -> dict[str, float]:
        """Return the accuracy or R² of a net on a part, and its loss."""
        loss, score = measurement.over(self._batches(name, model), 0, None)
        if score is None:
            score = 1 - loss / float(self.parts[name].targets.var(0, correction=0).mean())
        return {name: score, f"{name}_loss": loss}

    def _operations(self, net: nn.Module, model: Model) -> int:
        """Return the multiplications of weights, each with an addition, for a test sample of the mean length."""
        from torch.utils.flop_counter import FlopCounterMode  # imports Triton where it is installed

        part = self.parts["test"]
        steps = round(float(part.lengths.double().mean()))
        sample = part._replace(
            xs=part.xs[:1, :steps], features=part.features[:1], lengths=part.lengths.new_full((1,), steps)
        )
        xs, *lengths = (x.cpu() for x in model.inputs(sample))
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            _run(copy.deepcopy(net).cpu(), xs.transpose(0, 1), *(lengths or [None]))
        return counter.get_total_flops() // 2

    def _batches(self, name: str, model: Model, order: torch.Generator | None = None) -> Batches:
        xs, *lengths = model.inputs(self.parts[name])
        return Batches(name, (xs, self.parts[name].targets, *lengths), None, self.batch_size, order)


def _run(net: nn.Module, xs: Tensor, lengths: Tensor | None) -> Tensor:
    return net(xs) if lengths is None else net(xs, lengths)


def _cross_entropy(outputs: Tensor, targets: Tensor, lengths: Any = None) -> Tensor:
    return F.cross_entropy(outputs[0], targets)


def _squared_error(outputs: Tensor, targets: Tensor, lengths: Any = None) -> Tensor:
    return F.mse_loss(outputs[0], targets)


def _accuracy(outputs: Tensor, targets: Tensor, lengths: Any = None) -> Tensor:
    return (outputs[0].argmax(1) == targets).double().mean()
