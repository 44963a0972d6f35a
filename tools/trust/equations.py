"""Against solutions on paper: the response to an input without spikes, and the rate at which time steps converge."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import snn_core as snn
from trust.neurons import Neuron

__all__ = ["closed_form", "convergence_order"]

_SILENT: dict[str, Any] = {"threshold": 1e9}

Response = Callable[[Any, Tensor], Tensor]
"""The membrane so many steps after an input of 1."""


def _leaky(model: Any, n: Tensor) -> Tensor:
    return model.beta**n


def _synaptic(model: Any, n: Tensor) -> Tensor:
    return (model.alpha ** (n + 1) - model.beta ** (n + 1)) / (model.alpha - model.beta)


def _lapicque(model: Any, n: Tensor) -> Tensor:
    gain = model.time_step / model.C
    return gain * (1 - gain / model.R) ** n


def _alpha(model: Any, n: Tensor) -> Tensor:
    factor = model.alpha.log() / (model.beta.log() - model.alpha.log()) + 1
    return factor * (model.alpha**n - model.beta**n)


_RESPONSES: dict[str, Response] = {
    **dict.fromkeys(("Leaky", "RLeaky", "DeltaLeaky", "StateLeaky", "LinearLeaky", "LeakyParallel"), _leaky),
    **dict.fromkeys(("Synaptic", "RSynaptic"), _synaptic),
    "Lapicque": _lapicque,
    "Alpha": _alpha,
}


def closed_form(neuron: Neuron, num_steps: int = 50) -> float:
    """Largest difference of the membrane from a solution on paper, over random input, in float64.

    A linear membrane is compared with the sum over all input so far, weighted by the impulse response; LSTMs with
    ``torch.nn.LSTM``; AssociativeLeaky with the double sum over time.

    Args:
        neuron: The neuron.
        num_steps: Steps of the input.

    Returns:
        The difference; for LeakyParallel, which shows its spikes alone, the share of spikes that differ.

    Example:
        >>> from trust.neurons import EVERY
        >>> closed_form(EVERY[0]) < 1e-12
        True
    """
    with torch.no_grad():
        xs = neuron.input(num_steps)
        if neuron.name in ("SLSTM", "SConv2dLSTM"):
            return _lstm(neuron, xs)
        if neuron.name == "AssociativeLeaky":
            return _associative(neuron, xs)
        if neuron.name == "LeakyParallel":
            return _parallel(neuron, xs.abs())
        model = neuron.make(**_SILENT)
        drive = xs + model.recurrent.bias if hasattr(model, "recurrent") else xs
        drive = model.driven(drive)
        mem = model.unroll(xs, trace=True)[1].mem
        return float((mem - _summed(neuron.name, model, drive)).abs().max())


def _summed(name: str, model: Any, drive: Tensor) -> Tensor:
    t = torch.arange(len(drive), dtype=drive.dtype)
    weights = _RESPONSES[name](model, (t.unsqueeze(1) - t).clamp_min(0)).tril()
    return torch.einsum("ts,s...->t...", weights, drive)


def _parallel(neuron: Neuron, xs: Tensor) -> float:
    model = neuron.make()
    for weight in (model.rnn.weight_ih_l0, model.rnn.bias_ih_l0, model.rnn.bias_hh_l0):
        weight.abs_()  # so that its membrane never meets the zero below which it is cut off
    drive = xs @ model.rnn.weight_ih_l0.T + model.rnn.bias_ih_l0 + model.rnn.bias_hh_l0
    expected = (_summed(neuron.name, model, drive) > neuron.threshold).double()
    return float((model(xs) != expected).double().mean())


def _lstm(neuron: Neuron, xs: Tensor) -> float:
    lstm: Any = nn.LSTM(5, 5).double()
    if neuron.name == "SLSTM":
        model = neuron.make(**_SILENT)
        for name, weight in model.lstm_cell.named_parameters():
            getattr(lstm, f"{name}_l0").copy_(weight)
        return float((model.unroll(xs, trace=True)[1].mem - lstm(xs)[0]).abs().max())
    cell = snn.SConv2dLSTM(5, 5, 1, threshold=1e9).double()  # a kernel of one pixel: an LSTM in every pixel
    i, f, o, g = cell.conv.weight.flatten(1).chunk(4)
    gates = torch.cat([i, f, g, o])
    lstm.weight_ih_l0.copy_(gates[:, :5])
    lstm.weight_hh_l0.copy_(gates[:, 5:])
    i, f, o, g = cell.conv.get_parameter("bias").chunk(4)
    lstm.bias_ih_l0.copy_(torch.cat([i, f, g, o]))
    lstm.bias_hh_l0.zero_()
    pixels = torch.randn(len(xs), 3, 5, 2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ours = cell.unroll(pixels, trace=True)[1].mem
    theirs = lstm(pixels.permute(0, 1, 3, 4, 2).flatten(1, 3))[0].unflatten(1, (3, 2, 2)).permute(0, 1, 4, 2, 3)
    return float((ours - theirs).abs().max())


def _associative(neuron: Neuron, xs: Tensor) -> float:
    model = neuron.make()
    v, k, a = model.to_v(xs), model.to_k(xs), torch.sigmoid(model.to_alpha(xs))
    expected = torch.zeros(*xs.shape[1:-1], 3, 2, dtype=xs.dtype)
    for s in range(len(xs)):
        expected = expected + v[s].unsqueeze(-1) * (k[s] * a[s + 1 :].prod(0)).unsqueeze(-2)
    return float((model.unroll(xs)[1].mem - expected.flatten(-2)).abs().max())


_TAU, _TAU_SYN, _END = 0.02, 0.008, 0.05  # seconds


def convergence_order(neuron: Neuron) -> float | None:
    """The power of the time step with which the membrane comes to that of the differential equation.

    The input is a current that varies smoothly, sampled at the end of each step, and the neuron is silent.

    Args:
        neuron: The neuron.

    Returns:
        The slope over steps from 0.5 ms to 1/32 of it; None where the neuron has no equation in continuous time.

    Example:
        >>> from trust.neurons import EVERY
        >>> round(convergence_order(EVERY[0]), 1)
        1.0
    """
    if neuron.name not in _RESPONSES or neuron.name == "LeakyParallel":
        return None
    counts = [100 * 2**i for i in range(6)]
    errors = [abs(_simulated(neuron.name, count) - _exact(neuron.name)) for count in counts]
    x = torch.tensor([math.log(_END / count) for count in counts], dtype=torch.float64)
    y = torch.tensor(errors, dtype=torch.float64).log()
    return float(((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum())


def _current(t: Tensor) -> Tensor:
    return 1 + torch.sin(2 * math.pi * 37 * t)


def _simulated(name: str, count: int) -> float:
    dt = _END / count
    alpha, beta = math.exp(-dt / _TAU_SYN), math.exp(-dt / _TAU)
    xs = dt * _current(dt * torch.arange(1, count + 1, dtype=torch.float64)).reshape(-1, 1, 1)
    made: Any = {
        "Leaky": lambda: snn.Leaky(beta, **_SILENT),
        "RLeaky": lambda: snn.RLeaky(beta, 0.0, all_to_all=False, **_SILENT),
        "DeltaLeaky": lambda: snn.DeltaLeaky(1e9, beta),
        "StateLeaky": lambda: snn.StateLeaky(beta, 1, **_SILENT),
        "LinearLeaky": lambda: snn.LinearLeaky(beta, 1, 1, bias=False, **_SILENT),
        "Synaptic": lambda: snn.Synaptic(alpha, beta, **_SILENT),
        "RSynaptic": lambda: snn.RSynaptic(alpha, beta, 0.0, all_to_all=False, **_SILENT),
        "Lapicque": lambda: snn.Lapicque(R=_TAU, C=1.0, time_step=dt, **_SILENT),
        "Alpha": lambda: snn.Alpha(beta, alpha, **_SILENT),
    }[name]()
    model = made.double()
    with torch.no_grad():
        # constants in their full precision, not in the single precision of a new module
        for constant, value in (("alpha", alpha), ("beta", beta), ("R", _TAU), ("time_step", dt)):
            if hasattr(model, constant):
                getattr(model, constant).fill_(value)
        if name == "Alpha":
            model.alpha.fill_(beta)
            model.beta.fill_(alpha)
        if name == "LinearLeaky":
            next(p for n, p in model.named_parameters() if n.endswith("weight")).fill_(1.0)
        scale = {"Synaptic": dt, "RSynaptic": dt, "Lapicque": 1 / dt}.get(name, 1.0)
        return float(model.unroll(xs * scale)[1].mem)


def _exact(name: str) -> float:
    """The response at the end, by quadrature of the impulse response times the current."""
    if name in ("Synaptic", "RSynaptic"):
        gain = 1 / (1 / _TAU_SYN - 1 / _TAU)
    elif name == "Alpha":
        gain = (1 / _TAU) / (1 / _TAU_SYN - 1 / _TAU) + 1
    else:
        gain = None
    points = torch.linspace(0, _END, 20001, dtype=torch.float64)  # Simpson's rule, of an error of 1e-15
    ago = _END - points
    kernel = torch.exp(-ago / _TAU)
    kernel = kernel if gain is None else gain * (kernel - torch.exp(-ago / _TAU_SYN))
    weights = torch.full_like(points, 2.0)
    weights[1::2] = 4.0
    weights[0] = weights[-1] = 1.0
    return float((weights * kernel * _current(points)).sum() * (_END / 20000) / 3)
