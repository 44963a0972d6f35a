"""Can a layer fire, can it learn to, and by what factor is its input too small or too large?"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from snn_core import Recurrent, SpikingNeuron
from snn_core.init import NotReached, equation_of, firing_factor
from snn_functional.diagnosis._evidence import Evidence, Trace, listed
from snn_functional.diagnosis._gradients import derivative
from snn_functional.diagnosis.finding import Finding

MORE = "Scale the weights before it or its input up, or lower its threshold; a larger decay adds up more of the input."
_RATE = 0.1  # spikes per step, a compromise between gradients and sparseness
_ACCURACY = 0.05  # of the rate
_AGREE = 1e-4  # of the largest membrane: rounding in single precision stays below it, a different equation does not


def silence(evidence: Evidence, trace: Trace, others: list[str], is_output: bool) -> Finding:
    """Return the finding for a silent layer: an error if it cannot learn to fire, else a warning."""
    also = f" Silent after it: {listed(others)}." if others else ""
    reached, threshold = highest(trace), trace.neuron.threshold.detach()
    severity, may, remedy = "warning", "A gradient reaches it, so it may learn to fire.", _remedy(trace)
    most = ceiling(trace)
    if not trace.neuron.threshold.requires_grad and bool((threshold >= most).all()):
        severity, may = "error", f"It cannot learn to fire: its output is below {most:g}, whatever its input."
        remedy = f"Take a threshold below {most:g}."
        if math.isinf(most):
            may = "It cannot learn to fire: its threshold is infinite."
            remedy = "If it is a read-out, use a loss of its membranes alone; otherwise take a finite threshold."
    elif not _has_gradient(evidence, trace):
        severity, may = "error", "No gradient reaches its membranes, so it cannot learn to fire."
        remedy += (
            " A surrogate with a heavier tail, such as surrogate.atan(), has a gradient farther from the threshold."
        )
    if reached is not None and bool((reached <= threshold).all()):
        top, least = float(reached.max()), float(threshold.min())
        message = (
            f"No neuron can fire: with this input a membrane reaches at most {top:.4g}, and the threshold is "
            f"{least:.4g}. {may}{also}"
        )
        return Finding("unreachable_threshold", severity, trace.path, top, message, remedy)
    code, what = ("silent_output", "The output layer") if is_output else ("silent_layer", "The layer")
    after = "a loss of its spikes is the same for all samples" if is_output else "the layers after it receive none"
    message = f"{what} gives no spike for any sample: {after}. {may}{also}"
    return Finding(code, severity, trace.path, 0.0, message, remedy)


def _has_gradient(evidence: Evidence, trace: Trace) -> bool:
    """Return True if the gradient of the loss with respect to the layer's membranes is not lost in rounding."""
    if trace.membranes:
        if trace.neuron.surrogate_disable or not bool((derivative(trace) >= evidence.limits.underflow).any()):
            return False
        gradients = trace.gradients
    else:
        # membranes within a sequence are not visible, but their parameters are
        before = [path for path, use in evidence.uses.items() if use.order < trace.order]
        gradients = [
            gradient
            for name, gradient in evidence.gradients.items()
            if name.rpartition(".")[0] in before or name.startswith(f"{trace.path}." if trace.path else "")
        ]
    return any(gradient is not None and bool((gradient != 0).any()) for gradient in gradients)


def _remedy(trace: Trace) -> str:
    factor = _factor(trace)
    if factor is None:
        return MORE + scaling(trace, up=True)
    return (
        f"Scale the weights and biases before it, or its input, by about {factor:g}, or divide its threshold by that: "
        "the membranes of this batch then reach the threshold in half of its neurons. A larger decay adds up more of "
        "the input." + scaling(trace, up=True)
    )


def _factor(trace: Trace) -> float | None:
    """Return the factor that brings the highest membrane of half of the neurons to the threshold, or None if unknown.

    Without spikes there is no reset, and the membrane is proportional to its input.
    """
    neuron = trace.neuron
    if not trace.membranes or isinstance(neuron, Recurrent) or measured(trace) is None:
        return None
    top = torch.cat(trace.membranes).amax(0)
    ratios = torch.where(top > 0, neuron.threshold.detach() / top, torch.inf).double().flatten()
    factor = float(ratios.sort().values[(len(ratios) - 1) // 2])
    if not math.isfinite(factor) or factor < 1:
        return None
    step = 10.0 ** (math.floor(math.log10(factor)) - 1)
    return float(f"{math.ceil(1.01 * factor / step) * step:.2g}")  # two digits, and a little more rather than less


def scaling(trace: Trace, *, up: bool) -> str:
    """Return a sentence with the factor that makes a layer fire now and then, and the function that scales a whole net.

    ``up`` is True if a factor above 1 is a remedy; the sentence is empty if no factor is a remedy.
    """
    neuron, inputs = trace.neuron, trace.inputs
    # a layer's own weights, including biases, come after what could be scaled
    scalable = isinstance(neuron, SpikingNeuron) and type(neuron).driven is SpikingNeuron.driven
    if not scalable or not trace.stepwise or len({x.shape for x in inputs}) != 1:
        return ""
    try:
        factor = firing_factor(neuron, torch.stack(inputs), _RATE, tolerance=_ACCURACY)
    except NotReached:
        return ""
    if (factor > 1) != up:
        return ""
    return (
        f" With its input times {factor:.3g} the layer fires in {100 * _RATE:g} % of the steps; "
        "snn.init.fluctuation_(net, xs) scales the weights before every layer this way."
    )


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
