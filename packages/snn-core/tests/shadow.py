"""The neurons once more, as plain functions of input and state: what every call of the fuzzed nets must give.

Written from the equations alone. The constants are read from the neuron, and nothing else is taken from it, but for
neurons whose equation does not stand here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

States = tuple[Tensor, ...]
SLOPE = 5.0


class Spike(torch.autograd.Function):
    """A step with the derivative of a fast sigmoid, that notes how close to 0 it was called."""

    closest = float("inf")

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        Spike.closest = min(Spike.closest, float(x.abs().min()) if x.numel() else Spike.closest)
        return torch.where(x > 0, 1.0, 0.0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad / (1 + SLOPE * x.abs()) ** 2


@dataclass(frozen=True)
class Equation:
    """A neuron's states in each step, the membrane last among them, and what a reset does to them."""

    integrate: Callable[[Any, Tensor, States], States]
    cleared: tuple[int, ...] = (-1,)  # what a reset to zero clears
    zero_first: bool = True  # and whether it does so before the input arrives
    resets: bool = True
    fires: bool = True  # or sends its membrane
    above: Callable[[Any, States], Tensor] = lambda n, s: s[-1] - n.threshold  # what fires where it is above 0


def _within(value: Tensor, most: float) -> Tensor:
    """Within [0, most], and with a gradient there."""
    return torch.where((value < 0) | (value > most), value.detach().clamp(0, most), value)


def _decay(value: Tensor) -> Tensor:
    return _within(value, 1)


def _leaky(n: Any, x: Tensor, s: States) -> States:
    return (_decay(n.beta) * s[-1] + x,)


def _synaptic(n: Any, x: Tensor, s: States) -> States:
    syn = _decay(n.alpha) * s[-2] + x
    return syn, _decay(n.beta) * s[-1] + syn


def _recurrent(equation: Callable[[Any, Tensor, States], States]) -> Callable[[Any, Tensor, States], States]:
    def integrate(n: Any, x: Tensor, s: States) -> States:
        layer, spk = n.recurrent, s[0]
        if n.conv2d_channels:
            back = F.conv2d(spk, layer.weight, layer.bias, padding=layer.weight.shape[-1] // 2)
        elif n.all_to_all:
            back = spk @ layer.weight.T + layer.bias
        else:
            back = spk * layer.V
        return (spk, *equation(n, x + back, s[1:]))

    return integrate


def _resting(n: Any, x: Tensor, s: States) -> States:
    wait = torch.relu(s[0] - 1)
    return (wait, *_synaptic(n, x * (wait == 0), s[1:]))


def _unless_silent(n: Any, s: States) -> Tensor:
    waits = torch.logical_and(s[0] > 0, s[0] < n.refractory_period + 1)
    return (s[-1] - n.threshold).masked_fill(waits, -1)


def _lapicque(n: Any, x: Tensor, s: States) -> States:
    step, R = n.time_step, n.R
    C = step / (R * torch.log(1 / n.beta)) if n.beta.requires_grad else n.C
    return (x * step / C + (1 - step / (R * C)) * s[0],)


def _tau(n: Any) -> Tensor:
    return n.alpha.log() / (n.beta.log() - n.alpha.log()) + 1


def _alpha(n: Any, x: Tensor, s: States) -> States:
    exc, inh = n.alpha * s[0] + x, n.beta * s[1] - x
    return exc, inh, _tau(n) * (exc + inh)


def _gates(i: Tensor, f: Tensor, g: Tensor, o: Tensor, c: Tensor) -> States:
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return c, o.sigmoid() * c.tanh()


def _slstm(n: Any, x: Tensor, s: States) -> States:
    cell = n.lstm_cell
    gates = x @ cell.weight_ih.T + cell.bias_ih + s[1] @ cell.weight_hh.T + cell.bias_hh
    return _gates(*gates.chunk(4, -1), s[0])


def _sconv2dlstm(n: Any, x: Tensor, s: States) -> States:
    padding = n.conv.weight.shape[-1] // 2
    i, f, o, g = F.conv2d(torch.cat([x, s[1]], 1), n.conv.weight, n.conv.bias, padding=padding).chunk(4, 1)
    return _gates(i, f, g, o, s[0])


def _quadratic(n: Any, x: Tensor, s: States) -> States:
    return (0.7 * s[0] + 0.05 * s[0] * (s[0] - n.rest) + x,)


def _adaptive(n: Any, x: Tensor, s: States) -> States:
    trace = 0.8 * s[0] + x
    return trace, 0.7 * s[1] + x - 0.1 * trace


EQUATIONS = {
    "Leaky": Equation(_leaky),
    "Readout": Equation(_leaky, resets=False, fires=False),
    "RLeaky": Equation(_recurrent(_leaky)),
    "Synaptic": Equation(_synaptic),
    "RSynaptic": Equation(_recurrent(_synaptic)),
    "Resting": Equation(_resting, above=_unless_silent),
    "Lapicque": Equation(_lapicque),
    "Alpha": Equation(_alpha, cleared=(0, 1, 2), zero_first=False),
    "SLSTM": Equation(_slstm, zero_first=False),
    "SConv2dLSTM": Equation(_sconv2dlstm, zero_first=False),
    "DeltaLeaky": Equation(
        lambda n, x, s: (_decay(n.beta) * s[0] + x, s[0]),
        resets=False,
        above=lambda n, s: (s[0] - s[1]).abs() - n.delta_threshold,
    ),
    "QuadraticIF": Equation(_quadratic),
    "Adaptive": Equation(_adaptive),
}


def equation_of(n: Any) -> Equation:
    """The equation that is written above, or else the neuron's own, which its own tests hold to its paper."""
    return EQUATIONS.get(type(n).__name__) or Equation(
        lambda n, x, s: tuple(n.integrate(x, n.State._make(s))),
        resets=n.resets,
        above=lambda n, s: n.membrane(n.State._make(s)) - n.threshold,
    )


def rest(n: Any, x: Tensor) -> States:
    """The states at rest, for one step's input."""
    name, shape = type(n).__name__, list(x.shape)
    if name == "SLSTM":
        shape[-1] = n.hidden_size
    if name == "SConv2dLSTM":
        shape[1] = n.out_channels
    return tuple(x.new_zeros(shape) for _ in n.State._fields)


def step(n: Any, x: Tensor, s: States | None) -> tuple[Tensor, States]:
    """Spikes and states after one step of input ``x``; no spike comes before a step from None."""
    equation = equation_of(n)
    if s is None:
        s = rest(n, x)
        if n.reads_spikes:
            equation = replace(equation, integrate=_from_rest)
    if getattr(n, "max_delay", None):
        return _delayed(n, x, s)
    reset = n.reset_mechanism if equation.resets else "none"
    if n.reset_delay and reset != "none":
        R = _fired(n, s).detach()
        before = _cleared(equation, s, R) if reset == "zero" and equation.zero_first else s
        s = equation.integrate(n, x, before)
        if reset == "subtract":
            s = _subtracted(n, s, R)
        elif not equation.zero_first:
            s = _cleared(equation, s, R)
        s = _quantized(n, s)
        return _sent(n, s, _fired(n, s))
    s = _quantized(n, equation.integrate(n, x, s))
    fired = _fired(n, s)
    spk, after = _sent(n, s, fired)
    if reset != "none":
        after = _subtracted(n, after, fired) if reset == "subtract" else _cleared(equation, after, fired)
    return spk, after


def _from_rest(n: Any, x: Tensor, s: States) -> States:
    """The neuron's own equation, with the spikes before the first step as constants."""
    before = (equation_of(n).above(n, s) > 0).to(x.dtype)
    return tuple(n.integrate(x, n._Carried(*s, before)))[: len(s)]


def _delayed(n: Any, x: Tensor, s: States) -> tuple[Tensor, States]:
    """A recurrent neuron that is fed what has been on its way back for as long as each delay says."""
    first = len(s) - n.max_delay
    own, fed, before = s[:first], s[first], s[first + 1 :]
    most, n.max_delay = n.max_delay, None
    try:
        spk, after = step(n, x, (fed, *own[1:]))
    finally:
        n.max_delay = most
    before = (own[0], *before)  # spikes on their way back are not quantized
    sigma, delay = n.delay_sigma, _within(n.delay, most)
    sent = enumerate((spk, *before))
    fed = sum(torch.where((k - delay).abs() <= 1 + sigma, 1 + sigma - (k - delay).abs(), 0) * past for k, past in sent)
    return spk, (*after, fed / (1 + sigma) ** 2, *before[:-1])


def _fired(n: Any, s: States) -> Tensor:
    equation = equation_of(n)
    return _crossing(n, equation.above(n, s)) if equation.fires else s[-1]


def _crossing(n: Any, above: Tensor) -> Tensor:
    spk = Spike.apply(above)
    if not n.inhibition:
        return spk
    winner = above.detach().argmax(1, keepdim=True)  # the first of several that are equal
    return torch.zeros_like(spk).scatter(1, winner, spk.gather(1, winner))


def _sent(n: Any, s: States, fired: Tensor) -> tuple[Tensor, States]:
    """The spikes sent out, and the states that remember them."""
    if getattr(n, "max_pool", 0):
        fired = _crossing(n, F.max_pool2d(s[-1], n.max_pool) - n.threshold)
    spk = fired * n.graded_spikes_factor
    if type(n).__name__ == "Resting":
        return spk, (s[0] + (n.refractory_period + 1 - s[0]) * (spk != 0), *s[1:])
    return spk, (spk, *s[1:]) if type(n).__name__ in ("RLeaky", "RSynaptic") else s


def _subtracted(n: Any, s: States, fired: Tensor) -> States:
    amount = fired * n.threshold
    if type(n).__name__ == "Alpha":
        return s[0] - amount / _tau(n), s[1], s[2] - amount
    if type(n).__name__ == "Adaptive":
        return s[0] + amount, s[1] - amount
    return (*s[:-1], s[-1] - amount)


def _cleared(equation: Equation, s: States, fired: Tensor) -> States:
    cleared = {index % len(s) for index in equation.cleared}
    return tuple(value * (1 - fired) if i in cleared else value for i, value in enumerate(s))


def _quantized(n: Any, s: States) -> States:
    if not n.state_quant:
        return s
    # the spikes among the states are quantized too, but the step replaces them
    return tuple(v + (torch.round(v * 4) / 4 - v).detach() for v in s)
