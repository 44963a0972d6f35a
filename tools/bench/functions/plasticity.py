"""Rules of plasticity, and the learner that applies one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bench.functions.case import BATCH, CLASSES, Call, Case, Draw

_TAUS = (2.0, 3.0)
_RECORDED = 5  # steps; the peer takes a second for each


class _Step(nn.Module):
    """Neurons without a state, which the two libraries have in common."""

    def forward(self, x: Tensor) -> Tensor:
        return (x > 0).to(x.dtype)


def _weighted(layer: Any, draw: Draw) -> Any:
    layer.weight.data = draw.uniform(*layer.weight.shape) - 0.5
    return layer


def _rule(name: str, description: str, layer: Callable[[], nn.Module], before: tuple[int, ...], *taus: float) -> Case:
    def make(library: Any, draw: Draw) -> Call:
        result = _weighted(layer(), draw)
        spk_in = draw.spikes(*before)
        spk_out = draw.spikes(*result(spk_in).shape)
        rule = getattr(library.stdp_learner, name)
        return Call(lambda: rule(result, spk_in, spk_out, None, None, *_TAUS, *taus))

    return Case(name, "plasticity", description, make)


def _learner(library: Any, draw: Draw) -> Call:
    net = nn.Sequential(_weighted(nn.Linear(CLASSES, CLASSES, bias=False), draw), _Step())
    learner = library.stdp_learner.STDPLearner(net[0], net[1], *_TAUS)
    xs = draw.spikes(_RECORDED, BATCH, CLASSES)

    @torch.no_grad()
    def run() -> Tensor:
        for x in xs:
            net(x)
        return learner.step(on_grad=False)

    return Call(run)


def _dense() -> nn.Module:
    return nn.Linear(CLASSES, CLASSES)


_WEIGHTS = f"{CLASSES} x {CLASSES} weights"
CASES = [
    _rule("stdp_linear_single_step", f"a step of {BATCH} samples, {_WEIGHTS}", _dense, (BATCH, CLASSES)),
    _rule(
        "stdp_conv1d_single_step",
        f"a step of {BATCH} samples [10, 100], 10 x 10 x 3 weights",
        lambda: nn.Conv1d(10, 10, 3),
        (BATCH, 10, 100),
    ),
    _rule(
        "stdp_conv2d_single_step",
        f"a step of {BATCH} samples [10, 10, 10], 10 x 10 x 3 x 3 weights",
        lambda: nn.Conv2d(10, 10, 3),
        (BATCH, 10, 10, 10),
    ),
    _rule("mstdp_linear_single_step", f"a step of {BATCH} samples, {_WEIGHTS}", _dense, (BATCH, CLASSES)),
    _rule("mstdpet_linear_single_step", f"a step of one sample, {_WEIGHTS}", _dense, (CLASSES,), 10.0),
    Case("STDPLearner", "plasticity", f"{_RECORDED} steps of {BATCH} samples, {_WEIGHTS}", _learner),
]
