"""The net and the data that every process of these tests makes for itself, the same in each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import snn_core as snn

STEPS, BATCH, FEATURES = 6, 4, 5


class OverTime(nn.Module):
    """A net written for one step, called with a whole sequence: one call a batch, as data parallelism counts them."""

    def __init__(self, net: nn.Module, **options: object) -> None:
        super().__init__()
        self.net = net
        self.options = options

    def forward(self, xs: Tensor) -> Tensor:
        return snn.unroll(self.net, xs, **self.options)  # type: ignore[arg-type]


def build() -> nn.Sequential:
    """A feed-forward and a recurrent layer, in float64, every constant that can be learned learned."""
    torch.manual_seed(3)
    unit = torch.ones(1)  # a parameter without an axis cannot be cut into shards
    return nn.Sequential(
        nn.Linear(FEATURES, 7),
        snn.Leaky(beta=0.9 * unit, threshold=unit, init_hidden=True, learn_beta=True, learn_threshold=True),
        nn.Linear(7, 3),
        snn.RLeaky(beta=0.8 * unit, linear_features=3, init_hidden=True, learn_beta=True),
    ).double()


def sequence(batch: int = BATCH, seed: int = 1) -> Tensor:
    """Input ``[T, batch, features]``, loud enough that a third of the neurons fire."""
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(STEPS, batch, FEATURES, generator=generator, dtype=torch.float64)


def loss(spk: Tensor) -> Tensor:
    """A mean over samples, in which no two time steps weigh the same."""
    weights = torch.linspace(0.5, 1.5, len(spk), dtype=spk.dtype)
    return (weights[:, None, None] * (spk - 0.2).square()).mean()


def gradients(net: nn.Module) -> list[Tensor]:
    """The gradient of every parameter, whole where each process has a part of it."""
    grads = [p.grad for p in net.parameters()]
    return [g.full_tensor() if hasattr(g, "full_tensor") else g.clone() for g in grads if g is not None]


def alone(xs: Tensor, **options: object) -> list[Tensor]:
    """Return what one process computes for the whole batch."""
    net = OverTime(build(), **options)
    loss(net(xs)).backward()
    return gradients(net)
