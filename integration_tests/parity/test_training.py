"""Training from the same weights on the same data follows the peer's loss curve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import snntorch as peer
import snntorch.utils
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import snn_core as ours

from .cases import spread
from .programs import PROGRAMS

STEPS = 20
Loop = Callable[[nn.Module, Any, Tensor], tuple[Tensor, ...]]


def unrolled(net: nn.Module, package: Any, xs: Tensor) -> tuple[Tensor, ...]:
    return ours.unroll(net, xs)


def losses(net: nn.Module, package: Any, run: Loop, batches: list[tuple[Tensor, Tensor]]) -> list[float]:
    """The curve of cross entropy on the last membrane, which every weight moves a little in every step."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
    curve = []
    for step in range(STEPS):
        xs, labels = batches[step % len(batches)]
        *_, mem = run(net, package, xs)
        loss = F.cross_entropy(mem.mean(0).flatten(1), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append(float(loss.detach()))
    return curve


@pytest.mark.parametrize("name", PROGRAMS)
def test_twenty_steps_follow_the_peers_loss_curve(name: str) -> None:
    build, run, shape = PROGRAMS[name]
    peer_net = build(peer)
    state = {key: value.clone() for key, value in peer_net.state_dict().items()}
    batches = [(3 * spread(-0.3, high, *shape), torch.arange(shape[1]) % 5) for high in (1.0, 0.8, 0.6)]
    expected = losses(peer_net, peer, run, batches)
    assert expected[-1] < expected[0]
    loops = [run, unrolled] if name in ("kept states", "dense Sequential", "convolutional Sequential") else [run]
    for loop in loops:
        net = build(ours)
        net.load_state_dict(state, strict=True)
        assert losses(net, ours, loop, batches) == pytest.approx(expected, abs=1e-4)
