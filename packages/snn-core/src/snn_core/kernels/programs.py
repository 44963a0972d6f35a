"""Whole sequences of any neuron, run by its step program as long as the program computes what the neuron does."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from snn_core.kernels import fused
from snn_core.kernels.makeup import Makeup, hooked_part
from snn_core.kernels.program import StepProgram
from snn_core.kernels.programmed import Connected, Programmed
from snn_core.kernels.registry import FAMILIES, Interpreter, SequenceCall, first_of, loop, offered
from snn_core.kernels.repertoire import Known, Repertoire, Sample, traced_apart
from snn_core.kernels.tracing import NoProgram, with_constants
from snn_core.neuron.firing import computing_dtype, is_autocast
from snn_core.sequence.copies import copied

LEAST_STEPS = 8
"""The smallest number of steps with which a sequence of a neuron with connections runs faster by its program."""
LEAST_NEURONS = 2048
"""The smallest number of neurons, in all samples, with which such a sequence runs faster by its program."""


def program(
    neuron: Any, axes: int = 2, dtype: torch.dtype = torch.float32, sample: Sequence[int] | None = None
) -> StepProgram:
    """Return the equation of a neuron, with its options, as the program that every engine runs.

    Args:
        neuron: A neuron.
        axes: Number of axes of one step's input, including the batch.
        dtype: Dtype of its input.
        sample: Shape of one sample of one step's input, needed for a neuron with weights; replaces ``axes``.

    Returns:
        The program of one step, forward and backward; ``print`` shows it.

    Raises:
        TypeError: If it is not a neuron.
        ValueError: If its step is not made of the element-wise operations that programs support; the message says why.

    Example:
        >>> import snn_core as snn
        >>> print(program(snn.Leaky(beta=0.9, reset_mechanism="none")).once)
          v0 = clamp(beta, 0, 1)
          k1 = v0
    """
    if not hasattr(neuron, "advance"):
        raise TypeError(f"program takes a neuron (SpikingNeuron), got {type(neuron).__name__}")
    try:
        return traced_apart(lambda: neuron, axes, dtype, None if sample is None else tuple(sample))
    except NoProgram as reason:
        raise ValueError(f"{type(neuron).__name__} has no step program: {reason}") from None


def choice(neuron: Any, xs: Tensor) -> tuple[Interpreter | None, str]:
    """Return the engine that takes the program of a neuron's sequence, or None and why no installed engine does.

    Only a copy of the neuron runs; the neuron itself does not change.
    """
    engines = offered("program", xs.device.type)
    if not engines:
        return None, ""
    makeup = Makeup.of(neuron)
    if not fused.is_plain_by_element(xs, *makeup.constants.values()):
        return None, "something other than autograd watches what is computed"
    dtype, sample = computing_dtype(xs), _sample(neuron, xs, makeup.constants)
    why = _unfit(neuron, xs, makeup.constants, dtype, sample)
    if why:
        return None, why
    try:
        twin = copied(neuron)
    except ValueError as error:
        return None, str(error)
    x = xs.detach()[:1].requires_grad_(xs.requires_grad)
    state = neuron.State._make([x.new_zeros(neuron.state_shape(x[0]), dtype=dtype) for _ in neuron.State._fields])
    known, _ = Repertoire.of(neuron).apart().program(twin, Makeup.of(twin), x, state, sample)
    return (None, known) if isinstance(known, str) else first_of(engines, known, dtype)


def run(neuron: Any, xs: Tensor, state: Any, trace: bool) -> tuple[Tensor, Any]:
    """Run a neuron's whole sequence by its step program, or by the reference loop if that is not possible.

    If user code takes part in a step, one step on seeded numbers runs in that code ahead of each sequence, and must
    give what the program gives. The first sequence of its kind begins with a step in the neuron's own code, which must
    change nothing but the state. Under hooks on saved tensors, such as those of a checkpoint, the loop runs.

    Args:
        neuron: A :class:`~snn_core.SpikingNeuron`.
        xs: Input ``[T, batch, ...]``, T >= 1.
        state: A complete state of the neuron.
        trace: Return every step's states, stacked on axis 0, instead of the last one.

    Returns:
        ``(spikes, state)``, the spikes ``[T, batch, ...]`` before their graded factor.
    """
    engines = offered("program", xs.device.type)
    if not engines:
        return loop(neuron.advance, xs, state, trace)
    makeup, dtype = Makeup.of(neuron), state[0].dtype
    constants = makeup.constants
    if not fused.is_plain_by_element(xs, *state, *constants.values()):
        return loop(neuron.advance, xs, state, trace)
    sample = _sample(neuron, xs, constants)
    if _unfit(neuron, xs, constants, dtype, sample):
        return loop(neuron.advance, xs, state, trace)
    if torch._C._autograd._top_saved_tensors_default_hooks(True) is not None:
        # a checkpoint's hooks count the saved tensors, whose number must be the same when it runs again
        return loop(neuron.advance, xs, state, trace)
    known, first = Repertoire.of(neuron).program(neuron, makeup, xs, state, sample, engines)
    engine = None if isinstance(known, str) else first_of(engines, known, dtype)[0]
    if engine is None or isinstance(known, str):
        return loop(neuron.advance, xs, state, trace, first)
    kind, call = Connected if known.connections else Programmed, _Call(known, neuron, tuple(constants), type(state))
    spikes, *states = fused.call(kind(engine, known), call, xs, tuple(state), tuple(constants.values()), trace)
    return spikes, type(state)._make(states)


def kernel_of_family(call: SequenceCall, x: Tensor, constants: Sequence[Tensor]) -> tuple[Programmed | None, str]:
    """Return a kernel made of an engine and the family's program; or None, and the reason if there is an engine."""
    engines = offered("program", call.device)
    if not engines:
        return None, ""
    if call.mixed:
        return None, f"a constant per neuron is not {str(call.dtype).removeprefix('torch.')} like the input"
    elsewhere = next((c.device for c in constants if c.device != x.device), None)
    if elsewhere is not None:
        return None, f"a constant is on {elsewhere}, and the input on {x.device}"
    known = program_of_family(call, x.dim() - 1, constants, [c.requires_grad for c in constants])
    if isinstance(known, str):
        return None, known
    engine, why = first_of(engines, known, call.dtype)
    return None if engine is None else Programmed(engine, known), why


def program_of_family(call: SequenceCall, axes: int, constants: Sequence[Tensor], learn: Sequence[bool]) -> Known:
    """Return the program of a family's neurons, or the reason why there is none.

    Args:
        call: The call of the family's operator.
        axes: Number of axes of one step's input, including the batch.
        constants: The constants of the family, only whose shapes and dtypes matter.
        learn: For each constant, True if it is learned.
    """
    return _of_family(call, axes, tuple((c.shape, c.dtype, needed) for c, needed in zip(constants, learn, strict=True)))


@functools.lru_cache(256)  # bounded, as a surrogate may be annealed
def _of_family(call: SequenceCall, axes: int, kinds: tuple[tuple[torch.Size, torch.dtype, bool], ...]) -> Known:
    if FAMILIES[call.family].weights:
        return f"{call.family} has weights"

    def neuron() -> Any:
        values = [torch.ones(shape, dtype=dtype).requires_grad_(learn) for shape, dtype, learn in kinds]
        return FAMILIES[call.family].bare(call, values)

    try:
        return traced_apart(neuron, axes, call.dtype)
    except NoProgram as reason:
        return str(reason)


def _unfit(neuron: Any, xs: Tensor, constants: Mapping[str, Tensor], dtype: torch.dtype, sample: Sample) -> str:
    """Return the reason why no engine runs programs on this input in a dtype, or an empty string."""
    if not xs.is_floating_point():
        return "its input is not floating-point"
    if sample is not None:
        shape = neuron.state_shape(xs.detach()[0])
        weights = [c for c in constants.values() if not fused.broadcasts(c.shape, shape)]
        if not weights:
            return "its state does not have the shape of its input"
        if any(weight.dim() > 2 for weight in weights):
            return "it has weights that are not those of a linear layer"
        if is_autocast(xs.device.type):
            return "autocast computes with its weights in another dtype"
        if xs.dim() == 2:
            return "it has weights, and its input has no batch axis"
        if len(xs) < LEAST_STEPS or shape.numel() < LEAST_NEURONS:
            return (
                f"it has weights; a program is faster only with {LEAST_STEPS} or more steps and {LEAST_NEURONS} or "
                "more neurons in all samples"
            )
    hook = hooked_part(neuron)
    if hook:
        return hook
    for name, value in constants.items():
        if value.dim() and value.dtype != dtype:
            return f"{name} has {value.dtype} values, one per neuron, but the input is {dtype}"
    return ""


def _sample(neuron: Any, xs: Tensor, constants: Mapping[str, Tensor]) -> Sample:
    """Return the shape of one sample of a step's input if the program may be valid only for that shape, else None."""
    shape = neuron.state_shape(xs.detach()[0])
    shapes = (c.shape for c in constants.values() if c.dim())
    weights = shape != xs.shape[1:] or not all(fused.broadcasts(c, shape) for c in shapes)
    return tuple(xs.shape[2:]) if weights else None


@dataclass(frozen=True)
class _Call:
    """A call that runs a neuron's sequence by its program."""

    program: StepProgram
    neuron: Any
    names: tuple[str, ...]  # of its constants, in the order in which their tensors are passed on
    state: Any  # the class of the states

    def steps(self, x: Tensor, states: Sequence[Tensor], values: Sequence[Tensor], trace: bool) -> tuple[Tensor, ...]:
        neuron = with_constants(self.neuron, dict(zip(self.names, values, strict=True)))
        spikes, last = loop(neuron.advance, x, self.state._make(states), trace)
        return spikes, *last
