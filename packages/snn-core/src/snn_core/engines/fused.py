"""Fused kernels as functions that autograd can differentiate."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from snn_core.engines.dtypes import as_dtype, is_autocast
from snn_core.engines.layout import Layout
from snn_core.engines.ownership import is_owned
from snn_core.engines.registry import Kernel

Steps = Callable[[Tensor, Sequence[Tensor], Sequence[Tensor], bool], Sequence[Tensor]]


def fits(*tensors: Tensor) -> bool:
    """Return True if a kernel may be called on these tensors: all are plain, and only autograd watches operations."""
    return (
        all(type(t) in (Tensor, nn.Parameter, nn.Buffer) for t in tensors)
        and not torch._C._are_functorch_transforms_active()
        and not torch.jit.is_tracing()
        and forward_ad._current_level < 0
    )


def lie_together(*tensors: Tensor) -> bool:
    """Return True if a kernel may be called on these tensors, which are dense and on one device."""
    return fits(*tensors) and all(t.layout == torch.strided and t.device == tensors[0].device for t in tensors)


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


def call(
    kernel: Kernel,
    steps: Steps,
    x: Tensor,
    states: tuple[Tensor, ...],
    constants: tuple[Tensor, ...],
    trace: bool,
) -> tuple[Tensor, ...]:
    """Call a kernel, and save tensors for a backward pass only if there can be one.

    Args:
        kernel: The kernel of a program.
        steps: Function ``(x, states, constants, trace)`` that computes the same and can be differentiated twice.
        x: Input ``[T, ...]``.
        states: The states before the first step, in the dtype of the computation.
        constants: The constants that the program names, in its order.
        trace: Return every step's states instead of the last ones.

    Returns:
        Spikes ``[T, ...]`` in the dtype of ``x``, before their graded factor, then the states.
    """
    tensors = (x, *states, *constants)
    if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
        rows = _rows_of(x)
        settings = _Settings(kernel, steps, trace, len(states), 0 if rows is None else len(x), x.stride())
        return _Fused.apply(settings, x if rows is None else rows, *states, *constants)
    return forward(kernel, x, states, constants, trace, save=False)[0]


def forward(
    kernel: Kernel,
    x: Tensor,
    states: Sequence[Tensor],
    constants: Sequence[Tensor],
    trace: bool,
    save: bool,
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Run a kernel forward; return its outputs, with the spikes in the dtype of the input, and what it saved."""
    wide = x if _takes(kernel, x, states) else _widened(x, states[0].dtype)
    (spikes, *after), saved = kernel.forward(wide, states, constants, trace, save)
    return (unviewed(as_dtype(spikes, x.dtype)), *map(unviewed, after)), saved


def _takes(kernel: Kernel, x: Tensor, states: Sequence[Tensor]) -> bool:
    """Return True if a kernel takes input of this dtype; otherwise it gets, and returns, that of the states."""
    return x.dtype == states[0].dtype or kernel.widens


def _widened(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Return an input in another dtype; if it is the same in all steps, convert only one step."""
    return x.to(dtype) if len(x) == 1 or x.stride(0) else x[:1].to(dtype).expand(x.shape)


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


class _Fused(torch.autograd.Function):
    """A kernel's call."""

    @staticmethod
    def forward(ctx: Any, settings: _Settings, *tensors: Tensor) -> tuple[Tensor, ...]:
        x, states, constants = _arguments(settings, tensors)
        out, saved = forward(settings.kernel, x, states, constants, settings.trace, save=True)
        ctx.save_for_backward(*tensors, *saved)
        ctx.set_materialize_grads(False)
        ctx.settings = settings
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        settings: _Settings = ctx.settings
        unpacked = ctx.saved_tensors  # read once: under a checkpoint, each access would compute it again
        needs = ctx.needs_input_grad[1:]
        tensors, saved = unpacked[: len(needs)], unpacked[len(needs) :]
        x, states, constants = _arguments(settings, tensors)
        if torch.is_grad_enabled():  # the gradient itself will be differentiated, and only the steps allow that
            out = settings.steps(x, states, constants, settings.trace)
            sources = [t for t, needed in zip(tensors, needs, strict=True) if needed]
            computed = iter(_gradients(out, grads, sources))
            return None, *(next(computed) if needed else None for needed in needs)
        if x.stride() != settings.strides:  # a hook on saved tensors returned a copy with other strides
            x = _laid_out(x, settings.strides)
        owned = needs[0] and not settings.repeats and settings.kernel.overwrites and is_owned(grads)
        computed = backward(
            settings.kernel, grads, x, states, constants, saved, settings.trace, needs, bool(settings.repeats), owned
        )
        return None, *(g if needed else None for g, needed in zip(computed, needs, strict=True))


def backward(
    kernel: Kernel,
    grads: Sequence[Tensor | None],
    x: Tensor,
    states: Sequence[Tensor],
    constants: Sequence[Tensor],
    saved: Sequence[Tensor],
    trace: bool,
    needs: Sequence[bool],
    repeats: bool = False,
    owned: bool = False,
) -> tuple[Tensor | None, ...]:
    """Run a kernel backward; the input and its gradient have the same dtype.

    Args:
        kernel: The kernel.
        grads: The gradients of what ``forward`` returned, None for zero.
        x: As in ``forward``.
        states: As in ``forward``.
        constants: As in ``forward``.
        saved: What ``forward`` saved.
        trace: As in ``forward``.
        needs: For x, each state and each constant, True if its gradient is needed; the others may be None.
        repeats: True if all steps have the same input, so that its gradient is summed over them.
        owned: True if nothing else reads the gradient of the spikes afterward.

    Returns:
        The gradients of x, each state and each constant.
    """
    sums_x, wide = repeats and needs[0], x
    if not _takes(kernel, x, states):
        wide, owned = _widened(x, states[0].dtype), False
        grads = (None if grads[0] is None else grads[0].to(wide.dtype), *grads[1:])
    of_x, *others = kernel.backward(grads, wide, states, constants, saved, trace, needs, sums_x, owned)
    return None if of_x is None else as_dtype(of_x, x.dtype), *others


def _laid_out(x: Tensor, strides: tuple[int, ...]) -> Tensor:
    """Return the input with its steps laid out in memory as these strides say, like the tensors that a kernel saved."""
    kept = x.detach() if strides[0] else x.detach()[:1]  # one step stands for all
    layout = Layout.of(torch.empty_strided(kept.shape, strides, device="meta"))
    return layout.sequence_back(layout.sequence(kept).clone(memory_format=torch.contiguous_format)).expand(x.shape)


def _arguments(settings: _Settings, tensors: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor], Sequence[Tensor]]:
    """Return the input, the states, and the constants."""
    x, repeats = tensors[0], settings.repeats
    end = 1 + settings.count
    return x.expand(repeats, *x.shape) if repeats else x, tensors[1:end], tensors[end:]


def _gradients(
    outs: Sequence[Tensor], grads: Sequence[Tensor | None], tensors: Sequence[Tensor]
) -> Sequence[Tensor | None]:
    """Return the gradients of tensors, to be differentiated again, given those of the values computed from them."""
    ends = [(o, g) for o, g in zip(outs, grads, strict=True) if g is not None and o.requires_grad]
    if not ends or not tensors:
        return [None] * len(tensors)
    outs, seeds = zip(*ends, strict=True)
    return torch.autograd.grad(outs, tensors, seeds, create_graph=True, allow_unused=True)
