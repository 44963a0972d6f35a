"""A plain PyTorch loop over the steps: the equations written out, the reference for every peer's spikes."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from bench.data import Arrays
from bench.peers.sequential import cell, sequential
from bench.peers.trial import TorchTrial
from bench.workloads import Workload


class Reset(NamedTuple):
    """The way in which a spike resets its neuron."""

    immediate: bool
    attached: bool


class Spike(torch.autograd.Function):
    """Heaviside step with the derivative of an arc tangent, alpha = 2."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grads[0] / (1 + (math.pi * x).square())


class _Neuron(nn.Module):
    """A leaky neuron with zero state before the first step, which the spikes of the last step reset."""

    def __init__(self, workload: Workload, arrays: Arrays, reset: Reset, feedback: nn.Linear | None = None) -> None:
        super().__init__()
        self.beta: Tensor | float = workload.beta
        self.threshold: Tensor | float = 1.0
        if workload.neuron == "learnable":
            self.beta = nn.Parameter(torch.from_numpy(arrays["beta"]))
            self.threshold = nn.Parameter(torch.from_numpy(arrays["threshold"]))
        self.reset, self.feedback = reset, feedback
        self.rest()

    def rest(self) -> None:
        self.spk: Any = None
        self.mem: Any = 0.0
        self.syn: Any = 0.0

    def fired(self) -> Tensor:
        return self.spk if self.reset.attached else self.spk.detach()

    def integrate(self, x: Tensor) -> Tensor:
        if self.spk is None:
            return x
        fired = self.fired() * self.threshold
        beta = self.beta.clamp(0, 1) if isinstance(self.beta, Tensor) else self.beta
        if self.reset.immediate:
            return beta * (self.mem - fired) + x
        return beta * self.mem + x - fired

    def forward(self, x: Tensor) -> Tensor:
        if self.feedback is not None and self.spk is not None:
            x = x + self.feedback(self.spk)
        self.mem = self.integrate(x)
        self.spk = Spike.apply(self.mem - self.threshold)
        return self.spk


class _Synaptic(_Neuron):
    """A neuron whose input drives a current with decay 0.8, which drives the membrane."""

    def forward(self, x: Tensor) -> Tensor:
        self.syn = 0.8 * self.syn + x
        return super().forward(self.syn)


class _Alpha(_Neuron):
    """A neuron with currents of decay 0.9 and 0.8, excitatory and inhibitory; a spike clears them and the membrane."""

    def forward(self, x: Tensor) -> Tensor:
        if self.spk is None:
            self.inh: Any = 0.0
        tau = math.log(0.9) / (math.log(0.8) - math.log(0.9)) + 1
        self.syn, self.inh = 0.9 * self.syn + x, 0.8 * self.inh - x
        mem = tau * (self.syn + self.inh)
        if self.spk is not None:
            remaining = 1 - self.fired()
            self.syn, self.inh, mem = self.syn * remaining, self.inh * remaining, mem * remaining
        self.mem = mem
        self.spk = Spike.apply(mem - 1.0)
        return self.spk


class _Adaptive(_Neuron):
    """A neuron whose second state lowers the membrane; with ``exponential``, a sharp rise near the threshold."""

    exponential = False

    def rest(self) -> None:
        super().rest()
        self.low: Any = 0.0

    def integrate(self, x: Tensor) -> Tensor:
        before = self.mem
        mem = super().integrate(x) - 0.2 * self.low
        if self.exponential:
            mem = mem + 0.02 * torch.exp(torch.as_tensor(2.0 * (before - 1.0)))
        self.low = 0.9 * self.low + 0.1 * before
        return mem


class _Exponential(_Adaptive):
    exponential = True


class _Delta(_Neuron):
    """A neuron that fires where the membrane has changed by more than 0.3; there is no reset."""

    def forward(self, x: Tensor) -> Tensor:
        before, self.mem = self.mem, self.beta * self.mem + x
        self.spk = Spike.apply((self.mem - before).abs() - 0.3)
        return self.spk


class _LSTM(_Neuron):
    """A cell that fires where its output is above 0.1, without a reset."""

    def __init__(self, workload: Workload, arrays: Arrays, reset: Reset, feedback: nn.Linear | None = None) -> None:
        super().__init__(workload, arrays, reset, feedback)
        self.cell = cell(arrays)

    def rest(self) -> None:
        super().rest()
        self.state: Any = None

    def forward(self, x: Tensor) -> Tensor:
        self.state = self.cell(x, self.state)
        self.spk = Spike.apply(self.state[0] - 0.1)
        return self.spk


_NEURONS = {
    "leaky": _Neuron,
    "learnable": _Neuron,
    "synaptic": _Synaptic,
    "alpha": _Alpha,
    "own": _Adaptive,
    "exponential": _Exponential,
    "delta": _Delta,
    "slstm": _LSTM,
}


def make(workload: Workload, arrays: Arrays, immediate: bool = False, attached: bool = False) -> TorchTrial:
    """Make the workload as a loop over its steps.

    A spike lowers the membrane by the threshold in the next step, after the decay; an immediate reset does so at once,
    before the decay. An attached reset carries a gradient.
    """
    kind, reset = _NEURONS[workload.neuron], Reset(immediate, attached)
    net = nn.Sequential(
        *sequential(
            workload, arrays, lambda: kind(workload, arrays, reset), lambda back: kind(workload, arrays, reset, back)
        )
    )
    neurons = [layer for layer in net if isinstance(layer, _Neuron)]

    def run(xs: Tensor) -> Tensor:
        for neuron in neurons:
            neuron.rest()
        return torch.stack([net(x) for x in xs.unbind(0)])

    return TorchTrial(workload, arrays, run, net)
