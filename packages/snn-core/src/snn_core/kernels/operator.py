"""The choice of an implementation for a neuron's sequence, and the torch operator that a compiler sees.

An operator carries tensors and plain settings only: input, states, constants, the reset, and the surrogate as a name
and numbers. Its Python implementation runs the neuron's own step; its backward runs the steps again under autograd.
Compilers see one opaque node instead of T steps, and fused kernels stand in for the implementation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import type_before_parametrizations

from snn_core.kernels import fused, programs
from snn_core.kernels.makeup import hooked_part
from snn_core.kernels.registry import FAMILIES, Family, Kernel, SequenceCall, first_of, loop, offered, serves_sequences
from snn_core.neuron.firing import RESETS, computing_dtype, is_autocast
from snn_core.surrogate import closed_form


@dataclass(frozen=True)
class Choice:
    """The implementation chosen for a neuron's sequence: ``name`` of the kernel or ``"reference"``, and why."""

    name: str
    reason: str


def choose(neuron: Any, xs: Tensor) -> Choice:
    """Return the implementation that :func:`run` will use for a neuron and an input, and why.

    Args:
        neuron: A :class:`~snn_core.SpikingNeuron`.
        xs: Input ``[T, batch, ...]``, whose values do not matter.

    Returns:
        The choice.

    Example:
        >>> import snn_core as snn
        >>> choice = choose(snn.Leaky(beta=0.9, inhibition=True), torch.zeros(2, 1, 3))
        >>> choice.name, choice.reason.partition(";")[0]
        ('reference', 'inhibition is not part of the operator')
    """
    steps = neuron.own_step()
    if steps:
        return Choice("reference", steps)
    fused_call, why = _fused_call(neuron, xs)
    if fused_call is not None:
        return Choice(fused_call[0].name, "takes the call")
    engine, reason = programs.choice(neuron, xs)
    if engine is not None:
        return Choice(engine.name, "runs its step program")
    if reason and why == _without_operator(neuron):
        why = ""  # that reason concerns only compilers
    return Choice("reference", "; ".join(filter(None, (why, reason))))


def run(neuron: Any, xs: Tensor, state: Any, trace: bool) -> tuple[Tensor, Any]:
    """Run a neuron's whole sequence by the best implementation available.

    Args:
        neuron: A :class:`~snn_core.SpikingNeuron`.
        xs: Input ``[T, batch, ...]``, T >= 1.
        state: A complete state of the neuron.
        trace: Return every step's states, stacked on axis 0, instead of the last one.

    Returns:
        ``(spikes, state)``, the spikes ``[T, batch, ...]`` before their graded factor.
    """
    compiling = torch.compiler.is_compiling()
    # an exported file must run where our operators do not exist
    writes_out = torch.onnx.is_in_onnx_export() or (not torch.compiler.is_dynamo_compiling() and WRITES_OUT.get())
    if writes_out or not (compiling or serves_sequences(xs.device.type)):
        return loop(neuron.advance, xs, state, trace)
    if compiling:
        # a compiler would unroll the loop T times; the operator is one node to it
        call_, _ = sequence_call(neuron, xs)
        return loop(neuron.advance, xs, state, trace) if call_ is None else call(call_, neuron, xs, state, trace)
    fused_call, _ = _fused_call(neuron, xs, *state)
    if fused_call is None:
        return programs.run(neuron, xs, state, trace)
    kernel, call_, constants = fused_call
    spikes, *states = fused.call(kernel, call_, xs, tuple(state), constants, trace)
    return spikes, type(state)._make(states)


WRITES_OUT: ContextVar[bool] = ContextVar("writes_out", default=False)
"""True while torch.export traces, in this thread, a program that must contain every step and no operator of ours."""


def _fused_call(
    neuron: Any, xs: Tensor, *state: Tensor
) -> tuple[tuple[Kernel, SequenceCall, tuple[Tensor, ...]] | None, str]:
    """Return the kernel that takes a neuron's sequence, the call and its constants; or None and the reason."""
    known = _call_with_constants(neuron, xs)
    if isinstance(known, str):
        return None, known
    call_, constants = known
    if not fused.fits(xs, *state, *constants):
        return None, "something other than autograd watches what is computed"
    kernel, why = kernel_for(call_, xs, constants)
    return None if kernel is None else (kernel, call_, constants), why


def kernel_for(call_: SequenceCall, x: Tensor, constants: Sequence[Tensor]) -> tuple[Kernel | None, str]:
    """Return the family's own kernel, or one made from its program, or None with all reasons for refusal."""
    kernel, why = first_of(offered(call_.family, call_.device), call_)
    reason = ""
    if kernel is None:
        kernel, reason = programs.kernel_of_family(call_, x, constants)
    if kernel is not None:
        return kernel, ""
    why = why or f"no fused kernel for {call_.family} on {call_.device} is installed"
    return None, "; ".join(filter(None, (why, reason)))


# a surrogate drawn at random (SSO) or written by the user (custom_surrogate) is not a name and numbers
_SURROGATES = closed_form.KINDS
# the methods that make up a step
_METHODS = {"integrate", "membrane", "subtract", "clear", "emit", "remember", "advance", "step", "fire", "graded"}


def _without_operator(neuron: Any) -> str:
    return f"{type(neuron).__name__} has no sequence operator"


def sequence_call(neuron: Any, xs: Tensor) -> tuple[SequenceCall | None, str]:
    """Return the operator call for a neuron, or None and what the operator cannot represent."""
    known = _call_with_constants(neuron, xs)
    if isinstance(known, str):
        return None, known
    if FAMILIES[known[0].family].weights and is_autocast(xs.device.type):
        return None, "autocast is not part of the operator, which has weights"
    return known[0], ""


def _call_with_constants(neuron: Any, xs: Tensor) -> tuple[SequenceCall, tuple[Tensor, ...]] | str:
    kind = type(neuron) if "parametrizations" not in neuron._modules else type_before_parametrizations(neuron)
    names = _NAMES.get(kind)
    if names is None:
        return _without_operator(neuron)
    name = next((n for n in names if _has_parts(neuron, FAMILIES[n])), None)
    if name is None:
        part = next(iter(FAMILIES[names[0]].parts))
        return f"{type(neuron).__name__} with the part {part!r} {getattr(neuron, part)} has no sequence operator"
    own = vars(neuron)
    if "State" in own:
        return "states that an option adds are not part of the operator"
    if not _METHODS.isdisjoint(own):
        return f"{min(_METHODS & own.keys())} was replaced on this one neuron"
    if neuron._modules and hooked_part(neuron):
        return hooked_part(neuron)
    spike_grad = neuron.spike_grad
    if type(spike_grad) not in _SURROGATES.values():
        return f"the operator does not support the surrogate {spike_grad!r}"
    for option in ("inhibition", "state_quant"):
        if getattr(neuron, option):
            return f"{option} is not part of the operator"
    if neuron.drops_input:
        return "a reset to zero that drops the input, like snnTorch's, is not part of the operator"
    steps = own.get("kernel_truncation_steps")
    if steps is not None and steps < len(xs):
        return "kernel_truncation_steps is not part of the operator"
    family, shape = FAMILIES[name], xs.shape[1:]
    values = tuple(neuron.constant_values(family.constants))
    for constant, value in zip(family.constants, values, strict=True):
        if value.dim() and constant not in family.weights and not fused.broadcasts(value.shape, shape):
            return f"{constant} of shape {tuple(value.shape)} expands the input {tuple(xs.shape)}"
    dtype = computing_dtype(xs)
    return _call(name, neuron.reset_name, neuron.reset_delay, spike_grad, xs.device, dtype, values), values


_NAMES: dict[Any, list[str]] = {}  # of the families of each class of neurons


def _has_parts(neuron: Any, family: Family) -> bool:
    return all(type(getattr(neuron, name)) is part for name, part in family.parts.items()) and all(
        attrgetter(constant)(neuron) is not None for constant in family.weights
    )


def _call(
    name: str,
    reset: Literal["subtract", "zero", "none"],
    delay: bool,
    spike_grad: Any,
    device: torch.device,
    dtype: torch.dtype,
    values: Sequence[Tensor],
) -> SequenceCall:
    mixed = any(v.dim() > 0 and v.dtype != dtype for v in values)
    return SequenceCall(name, device.type, dtype, mixed, reset, delay, type(spike_grad).__name__, spike_grad.params)


def call(call_: SequenceCall, neuron: Any, xs: Tensor, state: Any, trace: bool) -> tuple[Tensor, Any]:
    """Run a neuron's sequence through its operator, with the arguments and result of the reference loop."""
    family = FAMILIES[call_.family]
    tensors = (xs, *state, *neuron.constant_values(family.constants))
    settings = call_.reset, call_.reset_delay, call_.surrogate, list(call_.params)
    spikes, *states = family.operator(*tensors, *settings, trace)
    return spikes, type(state)._make(states)


def define(
    name: str,
    neuron: Any,
    constants: Sequence[str],
    *,
    parts: Mapping[str, type] | None = None,
    weights: Sequence[str] = (),
) -> None:
    """Define the sequence operator ``snn_core::<name>`` of a neuron class.

    Args:
        name: Name of the family and of the operator.
        neuron: The class whose step is the operator's reference implementation.
        constants: The constants that ``integrate`` reads; the threshold is added.
        parts: The submodules that it calls, by name, and the class that each must be.
        weights: Further tensors that it reads and that are not constants of a single neuron.

    Raises:
        ValueError: If the name is taken.

    Example:
        >>> import snn_core as snn
        >>> class Twin(snn.Leaky):
        ...     pass
        >>> define("twin_of_leaky", Twin, constants=("beta",))
        >>> torch.ops.snn_core.twin_of_leaky
        <OpOverloadPacket(op='snn_core.twin_of_leaky')>
    """
    if name in FAMILIES:
        raise ValueError(f"a sequence operator {name!r} already exists, for {FAMILIES[name].neuron.__name__}")
    parts = {} if parts is None else parts
    names = (*weights, *constants, "threshold")
    fields = neuron.State._fields
    inputs = ["x", *fields, *(n.replace(".", "_") for n in names)]
    settings = "str reset, bool reset_delay, str surrogate, float[] params, bool trace"
    tensors = ", ".join(f"Tensor {i}" for i in inputs)
    grads = ", ".join(f"Tensor grad_{o}" for o in ("emitted", *fields))
    count, outputs = len(inputs), 1 + len(fields)

    def bare(call_: SequenceCall, values: Any) -> Any:
        return _bare(neuron, call_, parts, dict(zip(names, values, strict=True)))

    def steps(call_: SequenceCall, x: Tensor, states: Any, values: Any, trace: bool) -> tuple[Tensor, ...]:
        spikes, last = loop(bare(call_, values).advance, x, neuron.State._make(states), trace)
        return spikes, *last

    def forward(*args: Any) -> tuple[Tensor, ...]:
        x, states, values = args[0], args[1:outputs], args[outputs:count]
        reset, delay, spike_grad, params, trace = args[count:]
        call_ = _call(name, reset, delay, _SURROGATES[spike_grad](*params), x.device, states[0].dtype, values)
        kernel, _ = kernel_for(call_, x, values)
        if kernel is not None:
            return fused.call(kernel, call_, x, states, values, trace)
        return tuple(t.clone() for t in steps(call_, x, states, values, trace))

    def backward(*args: Any) -> tuple[Tensor, ...]:
        grad_outputs, values, options = args[:outputs], args[outputs : outputs + count], args[outputs + count :]
        # torch runs an operator's implementation without autograd
        key, included = torch._C.DispatchKey.AutogradFunctionality, torch._C._dispatch_tls_local_include_set()
        excluded = torch._C._dispatch_tls_local_exclude_set().remove(key)
        with torch._C._ForceDispatchKeyGuard(included, excluded), torch.enable_grad():
            leaves = [t.detach().requires_grad_() for t in values]
            # the operator's outputs have no room for what the backward pass needs
            gradients = fused.gradients(forward(*leaves, *options), grad_outputs, leaves)
        return tuple(torch.zeros_like(t) if g is None else g.clone() for t, g in zip(leaves, gradients, strict=True))

    def defined(suffix: str, function: Any, takes: str, gives: int) -> Any:
        schema = f"({takes}, {settings}) -> ({', '.join(['Tensor'] * gives)})"
        return torch.library.custom_op(f"snn_core::{name}{suffix}", function, mutates_args=(), schema=schema)

    operator = defined("", forward, tensors, outputs)
    gradient = defined("_backward", backward, f"{grads}, {tensors}", count)

    @operator.register_fake
    def _(*args: Any) -> tuple[Tensor, ...]:
        x, states, trace = args[0], args[1:outputs], args[-1]
        like = [x.new_empty((x.shape[0], *s.shape)) if trace else torch.empty_like(s) for s in states]
        return (x.new_empty((x.shape[0], *states[0].shape)), *like)

    @gradient.register_fake
    def _(*args: Any) -> tuple[Tensor, ...]:
        return tuple(torch.empty_like(t) for t in args[outputs : outputs + count])

    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(*inputs[:count])
        ctx.settings = inputs[count:]

    def differentiate(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return (*gradient(*grads, *ctx.saved_tensors, *ctx.settings), *(None,) * len(ctx.settings))

    operator.register_autograd(differentiate, setup_context=setup_context)
    for op in (operator, gradient):
        op.register_vmap(_one_by_one(op))
    FAMILIES[name] = Family(neuron, parts, names, tuple(weights), operator, bare, steps)
    _NAMES.setdefault(neuron, []).append(name)


def _bare(neuron: Any, call_: SequenceCall, parts: Mapping[str, type], constants: dict[str, Tensor]) -> Any:
    """Return a neuron of a class built around the tensors of a call, to run only its step."""
    bare = _empty(neuron)
    for name, part in parts.items():
        bare.add_module(name, _empty(part))
    for name, value in constants.items():
        owner, _, own = name.rpartition(".")
        bare.get_submodule(owner).register_buffer(own, value)
    bare.spike_grad = _SURROGATES[call_.surrogate](*call_.params)
    bare.inhibition = bare.state_quant = False
    bare.reset_delay = call_.reset_delay
    bare._reset = RESETS[call_.reset]
    return bare


def _empty(module: Any) -> Any:
    """Return an empty module of a class."""
    made = module.__new__(module)
    nn.Module.__init__(made)
    return made


def _one_by_one(op: Callable[..., tuple[Tensor, ...]]) -> Callable[..., Any]:
    """Return a batching rule that is right for any mixture of batched arguments: one call per element, stacked."""

    def rule(info: Any, in_dims: Sequence[Any], *args: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        calls = [
            op(*(a.select(d, i) if isinstance(d, int) else a for a, d in zip(args, in_dims, strict=True)))
            for i in range(info.batch_size)
        ]
        return tuple(torch.stack(t) for t in zip(*calls, strict=True)), (0,) * len(calls[0])

    return rule
