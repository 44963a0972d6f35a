"""Norse: its neuron without a synaptic current, in its stateful sequence, a step at a time."""

from __future__ import annotations

from typing import Any

import norse.torch as norse
import torch
from norse.torch.functional.lif_box import LIFBoxParameters
from torch import Tensor, nn

from bench.data import Arrays
from bench.peers.sequential import sequential
from bench.peers.trial import TorchTrial
from bench.workloads import Workload

_STEP = 0.001


def make(workload: Workload, arrays: Arrays) -> TorchTrial:
    """Make the workload as a loop over its steps."""
    beta = workload.beta
    layers = sequential(workload, arrays, lambda: box(beta), lambda feedback: _Recurrent(box(beta), feedback))
    net = norse.SequentialState(*layers)

    def run(xs: Tensor) -> Tensor:
        state, outs = None, []
        for x in xs.unbind(0):
            spk, state = net(x, state)
            outs.append(spk)
        return torch.stack(outs)

    return TorchTrial(workload, arrays, run, net)


def box(beta: float) -> nn.Module:
    """Make a cell.

    Norse weighs the input with 1 - beta, so membrane and threshold shrink by that factor, and it resets at once, so a
    spike has to subtract threshold / beta: together, that is the same equation.
    """

    def subtract(spk: Tensor, mem: Tensor, reset: Tensor, threshold: Tensor) -> Tensor:
        return mem - spk * (threshold / beta)

    rest = 1 - beta
    constants = LIFBoxParameters(
        tau_mem_inv=torch.as_tensor(rest / _STEP), v_th=torch.as_tensor(rest), reset_method=subtract
    )
    return norse.LIFBoxCell(constants, dt=_STEP)


class _Recurrent(nn.Module):
    """A cell whose spikes return; Norse's own recurrent cells have a synaptic current, another equation."""

    def __init__(self, cell: nn.Module, feedback: nn.Linear) -> None:
        super().__init__()
        self.cell, self.feedback = cell, feedback

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        inner, last = (None, None) if state is None else state
        spk, inner = self.cell(x if last is None else x + self.feedback(last), inner)
        return spk, (inner, spk)
