"""Which loss a program carries: by name, or as an object of snn_functional, which need not be installed."""

from __future__ import annotations

import math
from typing import Any

from .losses import LOSSES

__all__ = ["chosen_loss"]


def chosen_loss(loss: Any, outputs: int, l1_rate: float = 0.0) -> dict[str, Any]:
    """The description of a loss.

    Args:
        loss: A name such as ``"ce_rate"``, or an object that carries such a name and its options as attributes.
        outputs: Number of tensors that the net returns. Losses of the membrane look at the last one, others at the
            first.
        l1_rate: Weight of the sum of the first output.

    Returns:
        What :func:`~snn_ipu.losses.loss` takes.

    Raises:
        ValueError: If the loss is unknown (IPU006), or an option is not lowered.

    Example:
        >>> chosen_loss("mse_count", outputs=2)["options"]
        {'correct_rate': 1.0, 'incorrect_rate': 0.0}
    """
    given = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    name = given if given.endswith("_loss") else f"{given}_loss"
    if name not in LOSSES or isinstance(loss, type):
        raise ValueError(
            f"IPU006: the loss {given!r} is not lowered, and PopTorch would find no loss in the graph; choose one of "
            f"{', '.join(known[: -len('_loss')] for known in LOSSES)}"
        )
    if not isinstance(l1_rate, (int, float)) or not math.isfinite(l1_rate):
        raise ValueError(f"l1_rate is {l1_rate!r}; it is the weight of a penalty, a finite number")
    told = {} if isinstance(loss, str) else vars(loss)
    reduction, weight = told.get("reduction", "mean"), told.get("weight")
    if reduction not in ("mean", "sum") or told.get("time_var_targets"):
        option = "time_var_targets=True" if told.get("time_var_targets") else f"reduction={reduction!r}"
        raise ValueError(f"{name} with {option} is not lowered; a program has one label a sample and one loss a batch")
    if reduction == "mean" and weight is not None and getattr(loss, "mean_is_over_samples", False):
        reduction = "mean_of_samples"
    return {
        "name": name,
        "of": outputs - 1 if "membrane" in name else 0,
        "reduction": reduction,
        "weight": None if weight is None else [float(w) for w in weight],
        "population": int(told["num_classes"]) if told.get("population_code") else None,
        "options": {key: float(told.get(key, default)) for key, default in LOSSES[name][1].items()},
        "l1_rate": float(l1_rate),
        "l1_rate_of": [0] if l1_rate else [],
    }
