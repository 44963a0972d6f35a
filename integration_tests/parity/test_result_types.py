"""Tests of the types of results: programs treat them as the numbers and tensors that the peer returns."""

from __future__ import annotations

import copy
import io
import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import snntorch.spikegen
import torch
from snntorch import functional as peer_functional
from snntorch.functional import quant as their_quant
from torch import Tensor

import snn_functional as ours
import snn_spikegen

SPK = torch.zeros(7, 5, 3)
SPK[1, [0, 1, 2, 3, 4], [0, 0, 1, 2, 1]] = 1
TARGETS = torch.tensor([0, 1, 1, 2, 1])  # 4 of 5 samples are right
ACCURACIES = ["accuracy_rate", "accuracy_temporal"]
USES: dict[str, Callable[[Any], Any]] = {
    "item": lambda a: a.item(),
    "item of an average over batches": lambda a: (sum([a * 5, a * 3]) / 8).item(),
    "round to two": lambda a: a.round(2),
    "round a percentage": lambda a: (a * 100).round(1),
    "round by name": lambda a: (a / 3).round(decimals=3),
    "round to nothing": lambda a: (a * 3.5).round(),
    "the built-in round": lambda a: round(a / 3, 2),
    "the built-in round to an int": lambda a: round(a * 3.2),
    "formatted": lambda a: f"{a:.2f} {a:.1%} {a:7.3f}",
    "by percent": lambda a: "%.3f %5.1f" % (a, 100 * a),  # noqa: UP031
    "float": lambda a: float(a),
    "int": lambda a: int(a * 100),
    "numpy's mean": lambda a: float(np.mean([a, a / 2])),
    "numpy's round": lambda a: float(np.round(a / 3, 2)),
    "numpy's mean of it": lambda a: float(np.mean(a)),
    "an array": lambda a: (np.array([a, 1 - a]) * a).tolist(),
    "beside an array": lambda a: (a * np.arange(3.0)).tolist(),
    "beside a tensor": lambda a: (a * torch.arange(3.0)).tolist(),
    "a tensor": lambda a: torch.tensor([a, a]).tolist(),
    "compared": lambda a: (a > 0.5, a == 0.8, max(a, 0.1), bool(a)),
    "arithmetic": lambda a: [
        x.item() for x in (1 - a, a + 1, a / 3, 3 / a, -a, abs(a - 1), a % 0.3, 2 % a, a // 0.3, 2 // a, +a, 2 * a)
    ],
    "augmented": lambda a: _added(a).item(),
    "json": lambda a: json.loads(json.dumps({"accuracy": a})),
    "a copy": lambda a: copy.deepcopy(a).item(),
    "pickled": lambda a: pickle.loads(pickle.dumps(a)).item(),
    "a key": lambda a: {a: 1}[0.8],
}


def _added(a: Any) -> Any:
    total = 0
    total += a * 5
    total /= 5
    return total


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", ACCURACIES)
def test_an_accuracy_can_be_used_as_the_peers(name: str, use: str) -> None:
    result, peers = (USES[use](getattr(package, name)(SPK, TARGETS)) for package in (ours, peer_functional))
    assert result == pytest.approx(peers, rel=1e-6) if not isinstance(result, str | tuple | dict) else result == peers


@pytest.mark.parametrize("name", ACCURACIES)
def test_an_accuracy_is_a_float_and_shown_as_one(name: str) -> None:
    accuracy = getattr(ours, name)(SPK, TARGETS)
    assert isinstance(accuracy, float)
    assert repr(accuracy) == str(accuracy) == "0.8"
    assert type(accuracy.item()) is float
    assert all(isinstance(part, type(accuracy)) for part in getattr(ours, name)(SPK, TARGETS, return_silent=True))


def test_a_checkpoint_with_an_accuracy_is_loaded_without_asking_for_more() -> None:
    file = io.BytesIO()
    torch.save({"accuracy": ours.accuracy_rate(SPK, TARGETS)}, file)
    file.seek(0)
    assert torch.load(file, weights_only=True)["accuracy"].item() == 0.8


LABELS = torch.tensor([0, 2, 1])
DATA = torch.linspace(0.1, 1, 12).view(3, 4)  # nothing so weak that its spike comes too late
CALLS: dict[str, tuple[Any, Any, Callable[[Any], Any]]] = {
    "l1_rate_sparsity": (ours, peer_functional, lambda m: m.l1_rate_sparsity()(SPK)),
    "state_quant": (ours.quant, their_quant, lambda m: m.state_quant()(SPK)),
    **{
        name: (ours, peer_functional, lambda m, name=name: getattr(m, name)()(SPK, TARGETS))
        for name in ("ce_count_loss", "ce_max_membrane_loss", "mse_count_loss", "mse_temporal_loss", "ce_temporal_loss")
    },
    **{
        f"spikegen.{name}": (snn_spikegen, snntorch.spikegen, lambda m, name=name, a=arguments: getattr(m, name)(*a))
        for name, arguments in {
            "rate": (DATA, 5),
            "rate_conv": (DATA,),
            "latency": (DATA, 5),
            "latency_code": (DATA, 5),
            "delta": (DATA.T,),
            "targets_rate": (LABELS, 3),
            "targets_latency": (LABELS, 3, 20),
            "targets_convert": (LABELS, 3),
            "to_one_hot": (LABELS, 3),
            "from_one_hot": (torch.eye(3),),
            "to_one_hot_inverse": (torch.eye(3),),
        }.items()
        if hasattr(snn_spikegen, name)
    },
}


@pytest.mark.parametrize("name", CALLS)
def test_other_results_are_tensors_of_the_peers_shape_and_dtype(name: str) -> None:
    own, peers, call = CALLS[name]
    result, expected = call(own), call(peers)
    for left, right in zip(*((r if isinstance(r, tuple) else (r,)) for r in (result, expected)), strict=True):
        assert isinstance(left, Tensor)
        assert (left.dtype, left.shape) == (right.dtype, right.shape)
