"""Kernels: a step program and an engine, as a function that autograd can differentiate."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from snn_core.engines.dtypes import as_dtype, is_autocast
from snn_core.engines.layout import Layout
from snn_core.engines.ownership import is_owned
from snn_core.engines.registry import Arguments, Engine, Kernel, Upstream
from snn_core.programs.program import X_OVER_STEPS, StepProgram

Steps = Callable[[Arguments], Sequence[Tensor]]
"""A function that computes what a kernel does and can be differentiated twice."""

_KINDS = Tensor, nn.Parameter, nn.Buffer


def fits(*tensors: Tensor) -> bool:
    """Return True if a kernel may be called on these tensors: all are plain, and only autograd watches operations."""
    return (
        all(type(t) in _KINDS for t in tensors)
        and not torch._C._are_functorch_transforms_active()
        and not torch.jit.is_tracing()
        and forward_ad._current_level < 0
    )


def lie_together(*tensors: Tensor) -> bool:
    """Return True if a kernel may be called on these tensors, which are dense and on one device."""
    device, dense = tensors[0].device, torch.strided
    return fits(*tensors) and all(t.layout is dense and t.device == device for t in tensors)


def is_plain(*tensors: Tensor) -> bool:
    """Return True if an operation on these tensors may be replaced by another with the same gradients.

    They must fit, be dense and on one device, and no mode may change what torch's operations do.
    """
    return is_plain_by_element(*tensors) and not is_autocast(tensors[0].device.type)


def is_plain_by_element(*tensors: Tensor) -> bool:
    """Return True if an element-wise operation on these tensors may be replaced by another; autocast may be on."""
    return (
        not torch.compiler.is_compiling()
        and lie_together(*tensors)
        and not torch._C._len_torch_dispatch_stack()
        and not torch._C._len_torch_function_stack()
    )


def broadcasts(shape: torch.Size, to: torch.Size) -> bool:
    """Return True if a constant broadcasts from the right against one step's input without changing its shape."""
    return len(shape) <= len(to) and all(n in (1, m) for n, m in zip(shape[::-1], to[::-1], strict=False))


def call(kernel: Kernel, steps: Steps, sequence: Arguments) -> tuple[Tensor, ...]:
    """Call a kernel, and save tensors for a backward pass only if there can be one.

    Args:
        kernel: The kernel of a program.
        steps: Function that computes the same.
        sequence: The arguments of both.

    Returns:
        Spikes ``[T, ...]`` in the dtype of the input, before their graded factor, then the states.
    """
    x, states, constants, trace = sequence
    tensors = (x, *states, *constants)
    if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
        rows = _rows_of(x)
        settings = _Settings(kernel, steps, trace, len(states), 0 if rows is None else len(x), x.stride())
        return _Fused.apply(settings, x if rows is None else rows, *states, *constants)
    return forward(kernel, sequence, save=False)[0]


def forward(kernel: Kernel, call: Arguments, save: bool) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Run a kernel forward; return its outputs, with the spikes in the dtype of the input, and what it saved."""
    (spikes, *after), saved = kernel.forward(_taken(kernel, call), save)
    return (unviewed(as_dtype(spikes, call.x.dtype)), *map(unviewed, after)), saved


def backward(kernel: Kernel, call: Arguments, upstream: Upstream) -> tuple[Tensor | None, ...]:
    """Run a kernel backward; return the gradients, that of the input in its dtype."""
    taken = _taken(kernel, call)
    if taken is not call:
        of_spikes, *others = upstream.grads
        grads = (None if of_spikes is None else of_spikes.to(taken.x.dtype), *others)
        upstream = upstream._replace(grads=grads, overwrites=False)
    of_x, *others = kernel.backward(taken, upstream)
    return None if of_x is None else as_dtype(of_x, call.x.dtype), *others


def _taken(kernel: Kernel, call: Arguments) -> Arguments:
    """Return arguments with the input in a dtype that a kernel takes: its own, or else that of the states."""
    x, dtype = call.x, call.states[0].dtype
    if x.dtype == dtype or kernel.widens:
        return call
    same = len(x) > 1 and not x.stride(0)  # in all steps, of which one is converted
    return call._replace(x=x[:1].to(dtype).expand(x.shape) if same else x.to(dtype))


class ProgramKernel:
    """A kernel that runs whole sequences of a program.

    Args:
        engine: The engine.
        program: The program, which computes gradients of all constants that may be learned.
    """

    def __init__(self, engine: Engine, program: StepProgram) -> None:
        self._engine = engine
        self._program = program
        self.name: str = engine.name
        self.widens: bool = engine.widens
        self.overwrites: bool = engine.overwrites

    def forward(self, call: Arguments, save: bool) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        coefficients = self._coefficients(self._by_name(call))
        out, saved = self._engine.forward(self._program, call._replace(constants=coefficients), save)
        return out, (*coefficients, *saved) if save else ()

    def backward(self, call: Arguments, upstream: Upstream) -> tuple[Tensor | None, ...]:
        program, values, x, sums_x = self._program, self._by_name(call), call.x, upstream.sums_x
        states, kept = len(call.states), len(program.coefficients)
        call = call._replace(constants=upstream.saved[:kept])
        upstream = upstream._replace(saved=upstream.saved[kept:])
        shape = sizes = program.shape_of_sums(values)
        if sums_x:
            program, sizes = program.summing_x, x.shape[1:]
            upstream = upstream._replace(needs=(False,), sums_x=False)
        of_x, *out = self._engine.backward(program, call, upstream, sizes)
        of_states, totals = out[:states], zip(program.sums, out[states:], strict=True)
        sums = {name: total for name, total in totals if total is not None}  # in fact none of them is None
        if sums_x:
            of_x = sums.pop(X_OVER_STEPS).to(x.dtype)
            sums = {name: total.sum_to_size(shape) for name, total in sums.items()}
        return of_x, *of_states, *program.gradients(values, sums)

    def window(self, saved: Sequence[Tensor]) -> Tensor | None:
        return self._engine.window(saved[len(self._program.coefficients) :])

    def _coefficients(self, values: Mapping[str, Tensor]) -> list[Tensor]:
        with torch.no_grad():
            return list(self._program.once.run(values).values())

    def _by_name(self, call: Arguments) -> dict[str, Tensor]:
        """Return the constants of a call by name."""
        return dict(zip(self._program.constants, call.constants, strict=True))


def unviewed(tensor: Tensor) -> Tensor:
    """Return the same tensor, but not as a view of another, which autograd would not let users change in place."""
    if tensor._base is None:
        return tensor
    place = tensor.untyped_storage(), tensor.storage_offset(), tensor.size(), tensor.stride()
    return tensor.new_empty(0).set_(*place)


def repeated(rows: Tensor, steps: int) -> Tensor:
    """Return one step's input ``[batch, ...]`` repeated in several steps, in the same memory.

    Kernels then return its gradient summed over the steps.
    """
    if steps > 1 and rows.requires_grad and torch.is_grad_enabled() and fits(rows):
        return _Repeated.apply(rows, steps)
    return rows.expand(steps, *rows.shape)


class _Repeated(torch.autograd.Function):
    """The expansion of one step's input over time, which remembers that input."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, steps: int) -> Tensor:
        ctx.rows = weakref.ref(rows)  # so that it lives only as long as the caller needs it
        return rows.expand(steps, *rows.shape)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None]:
        return grads[0].sum(0), None


def _rows_of(x: Tensor) -> Tensor | None:
    """Return the rows that an input repeats in all steps, unless something asks for the gradient of each step."""
    known = isinstance(x.grad_fn, _Repeated._backward_cls) and not x._backward_hooks and not x.retains_grad
    return x.grad_fn.rows() if known else None  # pyrefly: ignore[missing-attribute]


class _Settings(NamedTuple):
    """The settings of a call; unless ``repeats`` is 0, its first tensor is the input of that many equal steps."""

    kernel: Kernel
    steps: Steps
    trace: bool
    count: int  # of states
    repeats: int
    strides: tuple[int, ...]  # of the input

    def arguments(self, tensors: Sequence[Tensor]) -> Arguments:
        """Return the arguments, given the tensors among them."""
        x, end = tensors[0], 1 + self.count
        x = x.expand(self.repeats, *x.shape) if self.repeats else x
        return Arguments(x, tensors[1:end], tensors[end:], self.trace)


class _Fused(torch.autograd.Function):
    """A kernel's call."""

    @staticmethod
    def forward(ctx: Any, settings: _Settings, *tensors: Tensor) -> tuple[Tensor, ...]:
        out, saved = forward(settings.kernel, settings.arguments(tensors), save=True)
        ctx.save_for_backward(*tensors, *saved)
        ctx.set_materialize_grads(False)
        ctx.settings = settings
        ctx.window = settings.kernel.window(saved)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        settings: _Settings = ctx.settings
        unpacked = ctx.saved_tensors  # read once: under a checkpoint, each access would compute it again
        needs = ctx.needs_input_grad[1:]
        tensors, saved = unpacked[: len(needs)], unpacked[len(needs) :]
        call = settings.arguments(tensors)
        if torch.is_grad_enabled():  # the gradient itself will be differentiated, and only the steps allow that
            sources = [t for t, needed in zip(tensors, needs, strict=True) if needed]
            computed = iter(_gradients(settings.steps(call), grads, sources))
            return None, *(next(computed) if needed else None for needed in needs)
        if call.x.stride() != settings.strides:  # a hook on saved tensors returned a copy with other strides
            call = call._replace(x=Layout.laid_out(call.x, settings.strides))
        owned = needs[0] and not settings.repeats and settings.kernel.overwrites and is_owned(grads)
        upstream = Upstream(grads, saved, needs, settings.repeats > 0 and needs[0], owned)
        gradients = backward(settings.kernel, call, upstream)
        return None, *(g if needed else None for g, needed in zip(gradients, needs, strict=True))


def node_of(out: Tensor) -> Any:
    """Return the node of a kernel's call in the graph if it computed a tensor, else None."""
    return out.grad_fn if isinstance(out.grad_fn, _Fused._backward_cls) else None


def _gradients(
    outs: Sequence[Tensor], grads: Sequence[Tensor | None], tensors: Sequence[Tensor]
) -> Sequence[Tensor | None]:
    """Return the gradients of tensors, to be differentiated again, given those of the values computed from them."""
    ends = [(o, g) for o, g in zip(outs, grads, strict=True) if g is not None and o.requires_grad]
    if not ends or not tensors:
        return [None] * len(tensors)
    outs, seeds = zip(*ends, strict=True)
    return torch.autograd.grad(outs, tensors, seeds, create_graph=True, allow_unused=True)
