"""Compare neurons with analytic solutions: the response to an input without spikes, and the order of convergence."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import snn_core as snn
from bench.tables import exponent
from trust.neurons import Neuron

_SILENT: dict[str, Any] = {"threshold": 1e9}
_TAU, _TAU_SYN, _END = 0.02, 0.008, 0.05  # seconds


class Paper(NamedTuple):
    """The analytic solution of a linear membrane."""

    # function of a neuron and of a number of steps: the membrane so many steps after an input of 1
    response: Callable[[Any, Tensor], Tensor]
    # function of a time step in seconds: constants that give a neuron the time constants TAU and TAU_SYN
    constants: Callable[[float], dict[str, float]]
    # function of a time in seconds: the response of the differential equation so long after an impulse
    kernel: Callable[[Tensor], Tensor]
    # function of a time step: the factor of an impulse in the neuron's input
    scale: Callable[[float], float] = lambda dt: 1.0


def _kept(dt: float, tau: float = _TAU) -> float:
    return math.exp(-dt / tau)


def _decay(t: Tensor, tau: float = _TAU) -> Tensor:
    return torch.exp(-t / tau)


def _synaptic(model: Any, n: Tensor) -> Tensor:
    return (model.alpha ** (n + 1) - model.beta ** (n + 1)) / (model.alpha - model.beta)


def _lapicque(model: Any, n: Tensor) -> Tensor:
    gain = model.time_step / model.C
    return gain * (1 - gain / model.R) ** n


def _alpha(model: Any, n: Tensor) -> Tensor:
    factor = model.alpha.log() / (model.beta.log() - model.alpha.log()) + 1
    return factor * (model.alpha**n - model.beta**n)


_RISE = 1 / (1 / _TAU_SYN - 1 / _TAU)
_LEAKY = Paper(lambda model, n: model.beta**n, lambda dt: {"beta": _kept(dt)}, _decay)
_PAPERS: dict[type, Paper] = {  # by the class that defines the equation
    snn.Leaky: _LEAKY,
    snn.DeltaLeaky: _LEAKY,
    snn.StateLeaky: _LEAKY,
    snn.Readout: _LEAKY,
    snn.Synaptic: Paper(
        _synaptic,
        lambda dt: {"alpha": _kept(dt, _TAU_SYN), "beta": _kept(dt)},
        lambda t: _RISE * (_decay(t) - _decay(t, _TAU_SYN)),
        lambda dt: dt,
    ),
    snn.Lapicque: Paper(_lapicque, lambda dt: {"R": _TAU, "C": 1.0, "time_step": dt}, _decay, lambda dt: 1 / dt),
    snn.Alpha: Paper(
        _alpha,
        lambda dt: {"alpha": _kept(dt), "beta": _kept(dt, _TAU_SYN)},
        lambda t: (_RISE / _TAU + 1) * (_decay(t) - _decay(t, _TAU_SYN)),
    ),
}


def _of_equation(table: dict[type, Any], kind: Any) -> Any:
    """Return a table's entry for the class or a base of it; None if it has none."""
    return next((table[k] for k in kind.__mro__ if k in table), None)


def closed_form(neuron: Neuron) -> float | None:
    """Return the largest difference between the membrane and an analytic solution; None if there is no solution.

    The input is random, in float64. A linear membrane is compared with the sum over all input so far, weighted by the
    impulse response; LSTMs with ``torch.nn.LSTM``; AssociativeLeaky with the double sum over time. For LeakyParallel,
    which returns only its spikes, the result is the share of spikes that differ.

    Example:
        >>> from trust.neurons import EVERY
        >>> closed_form(EVERY[0]) < 1e-12
        True
    """
    with torch.no_grad():
        xs = neuron.input(50)
        solution = _of_equation(_SOLUTIONS, neuron.kind)
        if solution is not None:
            return solution(neuron, xs)
        paper = _of_equation(_PAPERS, neuron.kind)
        if paper is None:
            return None
        model = neuron.make(**neuron.accepted(_SILENT))
        drive = xs + model.recurrent.bias if hasattr(model, "recurrent") else xs
        mem = model.unroll(xs, trace=True)[1].mem
        return float((mem - _summed(paper, model, model.driven(drive))).abs().max())


def _summed(paper: Paper, model: Any, drive: Tensor) -> Tensor:
    t = torch.arange(len(drive), dtype=drive.dtype)
    weights = paper.response(model, (t.unsqueeze(1) - t).clamp_min(0)).tril()
    return torch.einsum("ts,s...->t...", weights, drive)


def _parallel(neuron: Neuron, xs: Tensor) -> float:
    model, xs = neuron.make(), xs.abs()
    for weight in (model.rnn.weight_ih_l0, model.rnn.bias_ih_l0, model.rnn.bias_hh_l0):
        weight.abs_()  # so that its membrane never reaches 0, where it would be cut off
    drive = xs @ model.rnn.weight_ih_l0.T + model.rnn.bias_ih_l0 + model.rnn.bias_hh_l0
    expected = (_summed(_LEAKY, model, drive) > model.threshold).double()
    return float((model(xs) != expected).double().mean())


def _lstm(neuron: Neuron, xs: Tensor) -> float:
    model = neuron.make(**_SILENT)
    lstm: Any = nn.LSTM(model.input_size, model.hidden_size).double()
    for name, weight in model.lstm_cell.named_parameters():
        getattr(lstm, f"{name}_l0").copy_(weight)
    return float((model.unroll(xs, trace=True)[1].mem - lstm(xs)[0]).abs().max())


def _lstm_in_every_pixel(neuron: Neuron, xs: Tensor) -> float:
    lstm: Any = nn.LSTM(5, 5).double()
    cell: Any = neuron.kind(5, 5, 1, **_SILENT).double()  # a kernel of one pixel
    i, f, o, g = cell.conv.weight.flatten(1).chunk(4)
    gates = torch.cat([i, f, g, o])
    lstm.weight_ih_l0.copy_(gates[:, :5])
    lstm.weight_hh_l0.copy_(gates[:, 5:])
    i, f, o, g = cell.conv.get_parameter("bias").chunk(4)
    lstm.bias_ih_l0.copy_(torch.cat([i, f, g, o]))
    lstm.bias_hh_l0.zero_()
    pixels = torch.randn(len(xs), 3, 5, 2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ours = cell.unroll(pixels, trace=True)[1].mem
    hidden = lstm(pixels.permute(0, 1, 3, 4, 2).flatten(1, 3))[0].unflatten(1, (3, 2, 2)).permute(0, 1, 4, 2, 3)
    return float((ours - hidden).abs().max())


def _associative(neuron: Neuron, xs: Tensor) -> float:
    model = neuron.make()
    v, k, a = model.to_v(xs), model.to_k(xs), torch.sigmoid(model.to_alpha(xs))
    expected = torch.zeros(*xs.shape[1:-1], 3, 2, dtype=xs.dtype)
    for s in range(len(xs)):
        expected = expected + v[s].unsqueeze(-1) * (k[s] * a[s + 1 :].prod(0)).unsqueeze(-2)
    return float((model.unroll(xs)[1].mem - expected.flatten(-2)).abs().max())


_SOLUTIONS: dict[type, Callable[[Neuron, Tensor], float]] = {
    snn.SLSTM: _lstm,
    snn.SConv2dLSTM: _lstm_in_every_pixel,
    snn.AssociativeLeaky: _associative,
    snn.LeakyParallel: _parallel,
}


def convergence_order(neuron: Neuron) -> float | None:
    """Return the order in the time step at which the membrane converges to its differential equation; None without one.

    The input is a smoothly varying current, sampled at the end of each step, and the neuron does not fire. The steps
    are from 0.5 ms down to 1/32 of that.

    Example:
        >>> from trust.neurons import EVERY
        >>> round(convergence_order(EVERY[0]), 1)
        1.0
    """
    paper = _of_equation(_PAPERS, neuron.kind)
    if paper is None:
        return None
    counts = [100 * 2**i for i in range(6)]
    errors = [abs(_simulated(neuron, paper, count) - _exact(paper)) for count in counts]
    return exponent([_END / count for count in counts], errors)


def _current(t: Tensor) -> Tensor:
    return 1 + torch.sin(2 * math.pi * 37 * t)


def _simulated(neuron: Neuron, paper: Paper, count: int) -> float:
    dt = _END / count
    current = dt * _current(dt * torch.arange(1, count + 1, dtype=torch.float64))
    model = neuron.make(**neuron.accepted(_SILENT))
    with torch.no_grad():
        for constant, value in paper.constants(dt).items():
            getattr(model, constant).fill_(value)  # in full precision, as a new module would have float32
        for name, parameter in model.named_parameters():
            if "." in name:  # of a layer: no recurrence, and the first feature of the input
                parameter.zero_()
                if parameter.dim() == 2 and not name.startswith("recurrent."):
                    parameter[:, 0] = 1
        xs = (paper.scale(dt) * current).reshape(-1, *(1 for _ in neuron.shape)).expand(count, *neuron.shape)
        return float(model.unroll(xs)[1].mem.flatten()[0])


def _exact(paper: Paper) -> float:
    """Return the response at the end, by numerical integration of the impulse response times the current."""
    points = torch.linspace(0, _END, 20001, dtype=torch.float64)  # Simpson's rule, with an error of 1e-15
    weights = torch.full_like(points, 2.0)
    weights[1::2] = 4.0
    weights[0] = weights[-1] = 1.0
    return float((weights * paper.kernel(_END - points) * _current(points)).sum() * (_END / 20000) / 3)
