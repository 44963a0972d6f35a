"""The highest membrane that a neuron can reach with its input."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from snn_core import Recurrent, SpikingNeuron
from snn_core.init import equation_of
from snn_functional.diagnosis._record import Trace

_AGREE = 1e-4  # of the largest membrane: rounding in single precision stays below it, a different equation does not


def highest(trace: Trace) -> Tensor | None:
    r"""Return the highest membrane that each neuron of a layer can reach, whatever the order of its input.

    If the membrane is a sum of past input without negative weights, the result is the membrane after the largest input
    of all steps and samples in every step, without a reset: for ``Leaky`` :math:`I\,(1-\beta^T)/(1-\beta)`, in the
    limit :math:`I/(1-\beta)`. Otherwise it is the neuron's ``ceiling``: the output of an LSTM is below 1.

    Returns:
        The membrane of each neuron, or one for all, or None if nothing is known about the equation.

    Source: the geometric series; Gerstner et al., Neuronal Dynamics (2014), section 1.3.
    """
    if math.isfinite(ceiling(trace)):
        return torch.tensor(ceiling(trace))
    reached, is_positive = measured(trace) or (None, False)
    return reached if is_positive else None


def ceiling(trace: Trace) -> float:
    """Return the bound below which the equation keeps every membrane; infinity if there is none."""
    if getattr(trace.neuron, "state_quant", False):
        return math.inf
    return vars(equation_of(trace.neuron)).get("ceiling", math.inf)


@torch.no_grad()
def measured(trace: Trace) -> tuple[Tensor, bool] | None:
    """Run the equation of a layer, without a reset, on its largest input and on probes.

    Returns:
        The largest membrane of each neuron, and True if no weight of its past input is negative; None if the membrane
        is not a sum of its own neuron's input, that is, if twice the input does not give twice the membrane, or a sum
        of inputs does not give the sum of their membranes.
    """
    neuron = trace.neuron
    equation: Any = equation_of(neuron)
    if not isinstance(neuron, SpikingNeuron) or neuron.state_quant or not trace.inputs:
        return None
    drive = _drive(trace)
    if drive is None or drive.dim() < 2:
        return None
    most = drive.amax(0)
    most = most.float() if most.element_size() < 4 else most
    size, generator = max(float(most.abs().max()), 1e-6), torch.Generator().manual_seed(0)
    drive_ = torch.full_like(most, size)
    # factors of both signs, different for each neuron
    factors = (torch.rand(most.shape, generator=generator, device="cpu") * 2 - 1).to(most)
    shape = neuron.state_shape(drive_.expand(6, *drive_.shape))
    state = neuron.State._make(drive_.new_zeros(shape) for _ in neuron.State._fields)
    reached, lowest, largest = torch.full_like(most, -torch.inf), drive_.new_zeros(()), drive_.new_zeros(())
    for step in range(trace.steps):
        up, down = torch.rand(2, generator=generator, device="cpu").tolist()
        impulse = drive_ if step == 0 else torch.zeros_like(drive_)
        x = torch.stack([most, impulse, up * drive_, -down * drive_, (up - down) * drive_, up * factors * drive_])
        state = equation.integrate(neuron, x, state)
        mem = neuron.membrane(state)
        if mem.shape != x.shape:
            return None
        top, answer, first, second, total, scaled = mem
        reached = torch.maximum(reached, top)
        lowest, largest = torch.minimum(lowest, answer.min()), torch.maximum(largest, mem.abs().max())
        wrong = torch.maximum((first + second - total).abs(), (first * factors - scaled).abs()).max()
        if not wrong <= _AGREE * largest:
            return None
    return reached, bool(lowest >= -_AGREE * largest)


def _drive(trace: Trace) -> Tensor | None:
    """Return the input of all rows, including feedback from the neurons' own spikes."""
    if not isinstance(trace.neuron, Recurrent):
        return torch.cat(trace.inputs)
    if not trace.stepwise:
        return None
    before = [torch.zeros_like(trace.inputs[0]), *(spk.detach() for spk in trace.spks[:-1] if spk is not None)]
    pairs = zip(trace.inputs, before, strict=True)
    return torch.cat([x + trace.neuron.recurrent(spk[: len(x)]) for x, spk in pairs])
