"""How high a membrane can get with the input that it is given."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from snn_core import SLSTM, Alpha, Lapicque, Leaky, Recurrent, SConv2dLSTM, StateLeaky, Synaptic
from snn_functional.diagnosis._decays import leak_of
from snn_functional.diagnosis._record import Trace

# neurons whose membrane is a sum of past input, none of it weighted negatively: resets and less input only lower it
SUMS = (Alpha, Lapicque, Leaky, StateLeaky, Synaptic)
# neurons whose output is below 1 whatever their input
BELOW_ONE = (SLSTM, SConv2dLSTM)


def highest(trace: Trace) -> Tensor | None:
    r"""The highest membrane that each neuron of a layer can reach, whatever the order of its input.

    It is the membrane after the largest input of all steps and samples in every step, without a reset: of ``Leaky``
    :math:`I\,(1-\beta^T)/(1-\beta)`, after long :math:`I/(1-\beta)`. The output of an LSTM is below 1, whatever its
    input.

    Returns:
        The membrane of each neuron, or one for all, or None where nothing is known about the equation.

    Source: the geometric series; Gerstner et al., Neuronal Dynamics (2014), section 1.3.
    """
    neuron = trace.neuron
    equation = equation_of(neuron)
    if getattr(neuron, "state_quant", False):
        return None
    if equation in BELOW_ONE:
        return torch.ones(())
    if equation not in SUMS or not trace.inputs:
        return None
    with torch.no_grad():
        if isinstance(neuron, Lapicque) and bool((leak_of(neuron) > 1).any()):
            return None  # it weighs every other step negatively
        drive = _drive(trace)
        if drive is None or drive.dim() < 2:
            return None
        return _constantly(neuron, equation, drive.amax(0, keepdim=True), trace.steps)


def equation_of(neuron: Any) -> Any:
    """The class whose ``integrate`` a neuron runs, or None."""
    return next((k for k in type(neuron).__mro__ if "integrate" in vars(k) and k is not Recurrent), None)


def _constantly(neuron: Any, equation: Any, x: Tensor, steps: int) -> Tensor:
    """The largest membrane in so many steps of the same input."""
    state = neuron.State._make(torch.zeros_like(x) for _ in neuron.State._fields)
    reached = torch.full_like(x, -torch.inf)
    for _ in range(steps):
        state = equation.integrate(neuron, x, state)
        reached = torch.maximum(reached, state.mem)
    return reached[0]


def _drive(trace: Trace) -> Tensor | None:
    """The input of all rows, with what came back from the neurons' own spikes."""
    if not isinstance(trace.neuron, Recurrent):
        return torch.cat(trace.inputs)
    if not trace.stepwise:
        return None
    before = [torch.zeros_like(trace.inputs[0]), *(spk.detach() for spk in trace.spks[:-1] if spk is not None)]
    pairs = zip(trace.inputs, before, strict=True)
    return torch.cat([x + trace.neuron.recurrent(spk[: len(x)]) for x, spk in pairs])
