"""Losses of a program's outputs ``[batch, T, classes]``, made of primitives that a static graph can contain."""

from __future__ import annotations

import math
from typing import Any, Callable, Sequence

import torch
from torch import Tensor

__all__ = ["LOSSES", "REDUCTIONS", "chosen_loss", "loss"]


def _cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the cross entropy over the last axis of ``[batch, ..., classes]``."""
    chosen = _one_hot(labels, scores)
    return -(scores.log_softmax(-1) * chosen).sum(-1)


def _one_hot(labels: Tensor, scores: Tensor) -> Tensor:
    """Return 1 at the label along the last axis of ``[batch, ..., classes]``, in the scores' dtype."""
    classes = torch.arange(scores.shape[-1], dtype=labels.dtype, device=labels.device)
    labels = labels.reshape(-1, *[1] * (scores.dim() - 1))
    return (labels == classes).to(scores.dtype)


def _ce_rate(out: Tensor, labels: Tensor, options: dict[str, Any]) -> Tensor:
    return _cross_entropy(out, labels).mean(1)


def _ce_count(out: Tensor, labels: Tensor, options: dict[str, Any]) -> Tensor:
    return _cross_entropy(out.sum(1), labels)


def _ce_max_membrane(out: Tensor, labels: Tensor, options: dict[str, Any]) -> Tensor:
    return _cross_entropy(out.max(1)[0], labels)


def _mse_count(out: Tensor, labels: Tensor, options: dict[str, Any]) -> Tensor:
    steps, group = out.shape[1], options["group"]
    # floored in float64, like Python's product
    off, on = (float(math.floor(steps * options[rate] * group)) for rate in ("incorrect_rate", "correct_rate"))
    counts = out.sum(1)
    return (counts - _expected(labels, counts, on, off)).square() / steps


def _mse_membrane(out: Tensor, labels: Tensor, options: dict[str, Any]) -> Tensor:
    expected = _expected(labels, out[:, 0], options["on_target"], options["off_target"])
    return (out - expected.unsqueeze(1)).square().mean(1)


def _expected(labels: Tensor, scores: Tensor, on: float, off: float) -> Tensor:
    chosen = _one_hot(labels, scores)
    return chosen * on + (1 - chosen) * off


LOSSES: dict[str, tuple[Callable[..., Tensor], dict[str, float]]] = {
    "ce_rate_loss": (_ce_rate, {}),
    "ce_count_loss": (_ce_count, {}),
    "ce_max_membrane_loss": (_ce_max_membrane, {}),
    "mse_count_loss": (_mse_count, {"correct_rate": 1.0, "incorrect_rate": 0.0}),
    "mse_membrane_loss": (_mse_membrane, {"on_target": 1.0, "off_target": 0.0}),
}
"""The losses by name, each with its own options and their defaults."""

REDUCTIONS = ("mean", "mean_of_samples", "sum")
"""``"mean"`` divides by the sum of the samples' weights, ``"mean_of_samples"`` by their number."""


def loss(outputs: list[Tensor], labels: Tensor, description: dict[str, Any]) -> Tensor:
    r"""Return the loss of a batch, including its regularization.

    .. math:: L = \frac{1}{n} \sum_b w_{y_b} l_b + \Lambda \sum S

    n is the sum of the samples' weights, or, depending on the reduction, their number or 1.

    Args:
        outputs: Outputs of the program, ``[batch, T, ...]`` each.
        labels: Labels ``[batch]``, integers.
        description: Entries written by an export: ``name``, ``of`` (the output that it uses), ``reduction`` (one of
            ``REDUCTIONS``), ``weight`` (of each class, or None), ``population`` (number of classes of a population
            code, or None), ``options`` of the loss, and ``l1_rate`` with the outputs that ``l1_rate_of`` lists.
            ``classes``, the number of classes for which a program trains, has no effect here.

    Returns:
        A scalar.

    Example:
        >>> described = {"name": "ce_count_loss", "of": 0, "reduction": "mean", "weight": None, "population": None,
        ...              "options": {}, "l1_rate": 0.0, "l1_rate_of": []}
        >>> loss([torch.zeros(2, 3, 4)], torch.tensor([0, 3]), described)  # ln 4
        tensor(1.3863)

    Source: Eshraghian et al., Training Spiking Neural Networks Using Lessons From Deep Learning (2023).
    """
    out = outputs[description["of"]]
    group, classes = 1, description["population"]
    if classes is not None:
        group = out.shape[-1] // classes
        out = out.reshape(out.shape[0], out.shape[1], classes, group).sum(-1)
    losses = LOSSES[description["name"]][0](out, labels, {**description["options"], "group": group})
    share = torch.ones_like(losses)
    if description["weight"] is not None:
        sample = (_one_hot(labels, out[:, 0]) * out.new_tensor(description["weight"])).sum(-1)
        share = share * (sample if losses.dim() == 1 else sample.unsqueeze(-1))
        losses = losses * share
    total = losses.sum()
    if description["reduction"] != "sum":
        total = total / (share.sum() if description["reduction"] == "mean" else losses.numel())
    for index in description["l1_rate_of"]:
        total = total + description["l1_rate"] * outputs[index].sum()
    return total


def chosen_loss(
    loss: Any, outputs: int, l1_rate: float = 0.0, sizes: Sequence[int | None] | None = None
) -> dict[str, Any]:
    """Return the description of a loss.

    Args:
        loss: A name such as ``"ce_rate"``, or an object that carries such a name and its options as attributes.
        outputs: Number of tensors that the net returns. Losses of the membrane use the last one, others the
            first.
        l1_rate: Weight of the sum of the first output.
        sizes: Size of the last axis of each output, from which the number of classes follows; None if unknown.

    Example:
        >>> chosen_loss("mse_count", outputs=2)["options"]
        {'correct_rate': 1.0, 'incorrect_rate': 0.0}
    """
    value = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    name = value if value.endswith("_loss") else f"{value}_loss"
    if name not in LOSSES or isinstance(loss, type):
        raise ValueError(
            f"IPU006: the loss {value!r} is not lowered, and PopTorch would find no loss in the graph; choose one of "
            f"{', '.join(known[: -len('_loss')] for known in LOSSES)}"
        )
    if not isinstance(l1_rate, (int, float)) or not math.isfinite(l1_rate):
        raise ValueError(f"l1_rate is {l1_rate!r}; pass a finite number, the weight of a penalty")
    description = {} if isinstance(loss, str) else vars(loss)
    reduction, weight = description.get("reduction", "mean"), description.get("weight")
    if reduction not in ("mean", "sum") or description.get("time_var_targets"):
        option = "time_var_targets=True" if description.get("time_var_targets") else f"reduction={reduction!r}"
        raise ValueError(
            f"{name} with {option} is not lowered; a program has one label per sample and one loss per batch"
        )
    if description.get("label_smoothing"):
        raise ValueError(
            f"IPU006: {name} with label_smoothing={description['label_smoothing']} is not lowered; leave "
            "label_smoothing out"
        )
    if reduction == "mean" and weight is not None and getattr(loss, "mean_is_over_samples", False):
        reduction = "mean_of_samples"
    of = outputs - 1 if "membrane" in name else 0
    population = int(description["num_classes"]) if description.get("population_code") else None
    classes = population or (None if sizes is None else sizes[of])
    weight = None if weight is None else [float(w) for w in weight]
    if weight is not None and classes is not None and len(weight) != classes:
        raise ValueError(f"weight has {len(weight)} entries for {classes} classes; give one per class")
    return {
        "name": name,
        "of": of,
        "classes": classes,
        "reduction": reduction,
        "weight": weight,
        "population": population,
        "options": {key: float(description.get(key, default)) for key, default in LOSSES[name][1].items()},
        "l1_rate": float(l1_rate),
        "l1_rate_of": [0] if l1_rate else [],
    }
