"""A program for type checkers: the session ``types`` checks it with mypy and pyright; nothing runs it.

A line that is marked as an error is one: the session fails where a checker no longer finds it.
"""

from __future__ import annotations

from typing import Any, Literal, assert_type

import torch
from torch import Tensor, nn

import snn

net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(0.9, init_hidden=True))
xs = torch.rand(5, 2, 3)

assert_type(snn.unroll(net, xs), Any)
spk, schedule = snn.unroll(net, xs, explain=True)
assert_type(schedule.kind, str)

leaky = snn.Leaky(beta=0.9, threshold=torch.ones(3), reset_mechanism="zero")
assert_type(leaky.reset_mechanism, Literal["subtract", "zero", "none"])
spk, state = leaky.unroll(xs)
assert_type(spk, Tensor)
assert_type(state, snn.Leaky.State)
assert_type(state.mem, Tensor)
assert_type(snn.Synaptic(0.9, 0.5).unroll(xs)[1].syn, Tensor)

snn.ALIF(0.9, 0.5, learn_beta="bounded", learn_rho=True)
snn.Leaky(0.9, learn_beta="bound")  # type: ignore[arg-type]
snn.Leaky(0.9, learn_threshold="bounded")  # type: ignore[arg-type]
snn.Leaky(0.9, reset_mechanism="substract")  # type: ignore[arg-type]
snn.Leaky(0.9, treshold=2.0)  # type: ignore[call-arg]
snn.TCLIF(treshold=2.0)  # type: ignore[call-arg]
snn.ALIF("0.9", 0.5)  # type: ignore[arg-type]
snn.Synaptic(0.9, "0.5")  # type: ignore[arg-type]
snn.Leaky(0.9, threshold="high")  # type: ignore[arg-type]
snn.Leaky(threshold=2.0)  # type: ignore[call-arg]
snn.StateLeaky(0.9, 3, init_hidden=True)  # type: ignore[call-arg]
snn.RF(10.0, 1.0, learn_beta=True)  # type: ignore[call-arg]

# options by position, in snnTorch's order
snn.Leaky(0.9, 2.0, snn.surrogate.atan(), False, True)
snn.RSynaptic(0.9, 0.5, 1.0, True, 3, learn_recurrent=False)
snn.ALIF(0.9, 0.5, 1.8, 0.5)


class Sized(snn.Leaky):
    """A subclass with a constructor of its own."""

    size: int

    def __init__(self, size: int, **options: Any) -> None:
        super().__init__(beta=torch.full((size,), 0.9), **options)


class Counting(Sized):
    """A subclass that has an attribute with a type, and the constructor of its base class."""

    calls: int = 0


class Resting(snn.Refractory, snn.Leaky):
    """A neuron with a mix-in."""


assert_type(Counting(3, threshold=2.0).beta, Tensor)
Counting(beta=0.9)  # type: ignore[call-arg]
Resting(beta=0.9, refractory_period=2)
