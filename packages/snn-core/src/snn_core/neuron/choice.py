"""Whole sequences of any neuron, run by its step program as long as the program computes what the neuron does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from snn_core.effects.copies import copied
from snn_core.engines import fused
from snn_core.engines.dtypes import computing_dtype, is_autocast
from snn_core.engines.registry import Arguments, Engine, first_of, loop, offered
from snn_core.engines.stepped import SteppedKernel, kernel_of
from snn_core.neuron.makeup import Makeup, equation_of, hooked_part, with_constants
from snn_core.neuron.repertoire import Form, Known, Repertoire, Route, Sample, known_of_ours, traced_apart
from snn_core.programs.program import StepProgram
from snn_core.programs.tracing import NoProgram
from snn_core.results import Result

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
        return traced_apart(equation_of(neuron), axes, dtype, None if sample is None else tuple(sample))
    except NoProgram as reason:
        raise ValueError(f"{type(neuron).__name__} has no step program: {reason}") from None


@dataclass(frozen=True, repr=False)
class Choice(Result):
    """The implementation chosen for a neuron's sequence: ``name`` of the kernel or ``"reference"``, and why."""

    name: str
    reason: str


def choose(neuron: Any, xs: Tensor) -> Choice:
    """Return the implementation that runs a neuron's sequence, and why.

    Only a copy of a neuron with a user's code runs; the neuron itself does not change.

    Args:
        neuron: A :class:`~snn_core.SpikingNeuron`.
        xs: Input ``[T, batch, ...]``, whose values do not matter.

    Returns:
        The choice.

    Example:
        >>> import snn_core as snn
        >>> choice = choose(snn.Leaky(beta=0.9), torch.zeros(2, 1, 3, dtype=torch.int))
        >>> choice.name
        'reference'
    """
    own_step = neuron.own_step()
    if own_step:
        return Choice("reference", own_step)
    engines = offered("program", xs.device.type)
    if not engines:
        return Choice("reference", f"no engine for {xs.device.type} is installed")
    makeup = Makeup.of(neuron)
    why = _watched(xs, (), makeup) or unfit(neuron, xs, makeup.constants, computing_dtype(xs))
    if why:
        return Choice("reference", why)
    repertoire = (neuron._programs or Repertoire()).apart()
    if not makeup.ours:
        try:
            neuron = copied(neuron)
        except ValueError as error:
            return Choice("reference", str(error))
    x, dtype = xs.detach()[0], computing_dtype(xs)
    state = neuron.State._make([x.new_zeros(neuron.state_shape(x), dtype=dtype) for _ in neuron.State._fields])
    xs = xs.detach().requires_grad_(xs.requires_grad)
    route, _ = _found(neuron, repertoire, makeup, xs, state, _form(neuron, makeup, xs, state, engines))
    return (
        Choice("reference", route.why) if route.kernel is None else Choice(route.kernel.name, "runs its step program")
    )


def run(neuron: Any, xs: Tensor, state: Any, trace: bool) -> tuple[Tensor, Any]:
    """Run a neuron's whole sequence by its step program, or by the reference loop if that is not possible.

    If user code takes part in a step, one step on seeded numbers runs in that code ahead of each sequence, and must
    give what the program gives. The first sequence of its kind begins with a step in the neuron's own code, which must
    change nothing but the state. Under hooks on saved tensors, such as those of a checkpoint, the loop runs it.

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
    repertoire = neuron._programs or Repertoire.of(neuron)
    makeup = repertoire.makeup
    if makeup is None or not makeup.is_of(neuron):
        makeup = repertoire.makeup = Makeup.of(neuron)
    if _watched(xs, state, makeup):
        return loop(neuron.advance, xs, state, trace)
    form = _form(neuron, makeup, xs, state, engines)
    route, first = repertoire.routes.get(form), None
    if route is None or not _is_open(route, neuron):
        route, first = _found(neuron, repertoire, makeup, xs, state, form)
        repertoire.keep(form, route)
    program = route.program
    if route.kernel is None or program is None:
        return loop(neuron.advance, xs, state, trace, first)

    def steps(call: Arguments) -> tuple[Tensor, ...]:
        twin = with_constants(neuron, dict(zip(program.constants, call.constants, strict=True)))
        spikes, last = loop(twin.advance, call.x, type(state)._make(call.states), call.trace)
        return spikes, *last

    constants = tuple([makeup.constants[path] for path in program.constants])
    spikes, *states = fused.call(route.kernel, steps, Arguments(xs, tuple(state), constants, trace))
    return spikes, type(state)._make(states)


def _form(neuron: Any, makeup: Makeup, xs: Tensor, state: Any, engines: Iterable[Engine]) -> Form:
    """Return the form of a sequence."""
    grad, device, tensors = torch.is_grad_enabled(), xs.device.type, (xs, *state, *makeup.constants.values())
    autocast = is_autocast(device) and torch.get_autocast_dtype(device)
    return Form(
        makeup.options,
        tuple(engines),
        hooked_part(neuron),
        len(xs) < LEAST_STEPS,
        state._fields,
        (xs.dtype, state[0].dtype),
        (xs.shape[1:], state[0].shape, xs.stride()[1:], *[s.stride() for s in state]),
        (xs.requires_grad, grad, torch.is_inference_mode_enabled(), autocast),
        grad and any(t.requires_grad for t in tensors),
    )


def _is_open(route: Route, neuron: Any) -> bool:
    """Return True if a sequence may take a route now: a user's code still does what the program does."""
    return route.program is None or route.witness is None or route.witness.confirms(neuron, route.program)


def _found(
    neuron: Any, repertoire: Repertoire, makeup: Makeup, xs: Tensor, state: Any, form: Form
) -> tuple[Route, Any]:
    """Return the route of sequences of a form, and the results of a first step, if that has run."""
    dtype, sample, first, witness = state[0].dtype, sample_of(neuron, xs, makeup.constants), None, None
    why = unfit(neuron, xs, makeup.constants, dtype)
    if why:
        return Route(None, why), None
    known: Known
    if makeup.ours:
        known = known_of_ours(neuron, makeup.options, xs.dim() - 1, dtype, sample, type(state))
    else:
        known, witness, first = repertoire.program(neuron, makeup, xs, state, sample, form.differentiates)
    if isinstance(known, str):
        return Route(None, known), first
    engine, why = first_of(form.engines, known, dtype)
    if engine is None:
        return Route(None, why), first
    kernel = kernel_of(engine, known)
    if isinstance(kernel, SteppedKernel) and (form.is_short or state[0].numel() < LEAST_NEURONS):
        why = (
            f"it has weights; a program is faster only with {LEAST_STEPS} or more steps and {LEAST_NEURONS} or "
            "more neurons in all samples"
        )
        return Route(None, why), first
    return Route(kernel, "", known, witness), first


def _watched(xs: Tensor, state: Sequence[Tensor], makeup: Makeup) -> str:
    """Return the reason why no kernel may be called on some tensors now, or an empty string."""
    plain = fused.lie_together if makeup.ours else fused.is_plain_by_element
    if not plain(xs, *state, *makeup.constants.values()):
        elsewhere = next((c.device for c in makeup.constants.values() if c.device != xs.device), None)
        if elsewhere is not None:
            return f"a constant is on {elsewhere}, and the input on {xs.device}"
        return "something other than autograd watches what is computed"
    # a checkpoint's hooks count the saved tensors, whose number must be the same when it runs again
    if not makeup.ours and torch._C._autograd._top_saved_tensors_default_hooks(True) is not None:
        return "hooks on saved tensors, such as those of a checkpoint, expect the same calls each time"
    return ""


def unfit(neuron: Any, xs: Tensor, constants: Mapping[str, Tensor], dtype: torch.dtype) -> str:
    """Return the reason why a neuron's sequence on an input is not one of a program, or an empty string."""
    if not xs.is_floating_point():
        return "its input is not floating-point"
    if sample_of(neuron, xs, constants) is not None:
        shape = neuron.state_shape(xs.detach()[0])
        weights = {name: c for name, c in constants.items() if _is_weight(name, c, shape)}
        if not weights:
            return "its state does not have the shape of its input"
        for name, weight in weights.items():
            if "." not in name and weight.dim() != 2:
                return f"{name} of shape {tuple(weight.shape)} expands the input {tuple(xs.shape)}"
        if any(weight.dim() > 2 for weight in weights.values()):
            return "it has weights that are not those of a linear layer"
        if is_autocast(xs.device.type):
            return "autocast computes with its weights in another dtype"
        if xs.dim() == 2:
            return "it has weights, and its input has no batch axis"
    if neuron.inhibition:
        return "inhibition compares neurons with each other, which a step program does not"
    hook = hooked_part(neuron)
    if hook:
        return hook
    for name, value in constants.items():
        if value.dim() and value.dtype != dtype:
            return f"{name} has {value.dtype} values, one per neuron, but the input is {dtype}"
    return ""


def sample_of(neuron: Any, xs: Tensor, constants: Mapping[str, Tensor]) -> Sample:
    """Return the shape of one sample of a step's input if the program may be valid only for that shape, else None."""
    shape = neuron.state_shape(xs.detach()[0])
    weights = shape != xs.shape[1:] or any(_is_weight(name, c, shape) for name, c in constants.items() if c.dim())
    return tuple(xs.shape[2:]) if weights else None


def _is_weight(name: str, constant: Tensor, shape: torch.Size) -> bool:
    """Return True if a constant mixes neurons, as a part's matrix does even with as many samples as rows."""
    matrix = "." in name and constant.dim() > 1 and constant.shape[0] > 1
    return matrix or not fused.broadcasts(constant.shape, shape)
