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
