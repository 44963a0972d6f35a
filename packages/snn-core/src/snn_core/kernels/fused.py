"""Fused kernels as functions that autograd can differentiate."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.overrides import _get_current_function_mode_stack

from snn_core.kernels.layout import Layout
from snn_core.kernels.ownership import is_owned
from snn_core.kernels.registry import Kernel
from snn_core.neuron.firing import as_dtype, is_autocast


def fits(*tensors: Tensor) -> bool:
    """Return True if a kernel may be called on these tensors: all are plain, and only autograd watches operations."""
    return (
        all(type(t) in (Tensor, nn.Parameter, nn.Buffer) for t in tensors)
        and not torch._C._are_functorch_transforms_active()
        and not torch.jit.is_tracing()
        and forward_ad._current_level < 0
    )


def is_plain(*tensors: Tensor) -> bool:
    """Return True if an operation on these tensors may be replaced by another with the same gradients.

    They must fit, be dense and on one device, and no mode may change what torch's operations do.
    """
    return is_plain_by_element(*tensors) and not is_autocast(tensors[0].device.type)


def is_plain_by_element(*tensors: Tensor) -> bool:
    """Return True if an element-wise operation on these tensors may be replaced by another; autocast may be on."""
    return (
        not torch.compiler.is_compiling()
        and fits(*tensors)
        and all(t.layout == torch.strided and t.device == tensors[0].device for t in tensors)
        and not torch._C._len_torch_dispatch_stack()
        and not _get_current_function_mode_stack()
    )


def broadcasts(shape: torch.Size, to: torch.Size) -> bool:
    """Return True if a constant broadcasts from the right against one step's input without changing its shape."""
    return len(shape) <= len(to) and all(n in (1, m) for n, m in zip(shape[::-1], to[::-1], strict=False))


def call(
    kernel: Kernel,
    call_: Any,
    x: Tensor,
    states: tuple[Tensor, ...],
    constants: tuple[Tensor, ...],
    trace: bool,
) -> tuple[Tensor, ...]:
    """Call a kernel, and save tensors for a backward pass only if there can be one.

    Args:
        kernel: A kernel that takes the call.
        call_: The call: a ``SequenceCall``, or another object with the same method ``steps``.
        x: Input ``[T, ...]``.
        states: The states before the first step, in the dtype of the computation.
        constants: The constants of the family.
        trace: Return every step's states instead of the last ones.

    Returns:
        Spikes ``[T, ...]`` in the dtype of ``x``, before their graded factor, then the states.
    """
    tensors = (x, *states, *constants)
    if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
        rows = _rows_of(x)
        steps = 0 if rows is None else len(x)
        settings = kernel, call_, trace, len(states), steps
        return _Fused.apply(settings, x if rows is None else rows, *states, *constants)
    return _forward(kernel, call_, x, states, constants, trace, save=False)[0]


def _forward(
    kernel: Kernel,
    call_: Any,
    x: Tensor,
    states: Sequence[Tensor],
    constants: Sequence[Tensor],
    trace: bool,
    save: bool,
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    wide = x if _takes(kernel, x, states) else _widened(x, states[0].dtype)
    (spikes, *after), saved = kernel.forward(call_, wide, states, constants, trace, save=save)
    return (unviewed(as_dtype(spikes, x.dtype)), *map(unviewed, after)), saved


def _takes(kernel: Kernel, x: Tensor, states: Sequence[Tensor]) -> bool:
    """Return True if a kernel takes input of this dtype; otherwise it gets, and returns, that of the states."""
    return x.dtype == states[0].dtype or getattr(kernel, "widens", False)


def _widened(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Return an input in another dtype; if it is the same in all steps, convert only one step."""
    return x.to(dtype) if len(x) == 1 or x.stride(0) else x[:1].to(dtype).expand(x.shape)


def unviewed(tensor: Tensor) -> Tensor:
    """Return the same tensor, but not as a view of another, which autograd would not let users change in place."""
    if not tensor._is_view():
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


class _Fused(torch.autograd.Function):
    """A kernel's call.

    Its settings are the kernel, the call, whether to trace, the number of states, and ``steps``: unless it is 0, the
    first tensor is the input of one step, repeated ``steps`` times.
    """

    @staticmethod
    def forward(ctx: Any, settings: tuple[Kernel, Any, bool, int, int], *tensors: Tensor) -> tuple[Tensor, ...]:
        kernel, call_, trace, count, steps = settings
        x, states, constants = _arguments(tensors, count, steps)
        out, saved = _forward(kernel, call_, x, states, constants, trace, save=True)
        ctx.save_for_backward(*tensors, *saved)
        ctx.set_materialize_grads(False)
        ctx.settings = *settings, x.stride()
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        kernel, call_, trace, count, steps, strides = ctx.settings
        unpacked = ctx.saved_tensors  # read once: under a checkpoint, each access would compute it again
        needs = ctx.needs_input_grad[1:]
        tensors, saved = unpacked[: len(needs)], unpacked[len(needs) :]
        x, states, constants = _arguments(tensors, count, steps)
        if torch.is_grad_enabled():  # the gradient itself will be differentiated, and only the steps allow that
            out = call_.steps(x, states, constants, trace)
            sources = [t for t, needed in zip(tensors, needs, strict=True) if needed]
            computed = iter(gradients(out, grads, sources, create_graph=True))
            all_gradients = [next(computed) if needed else None for needed in needs]
        else:
            if x.stride() != strides:  # a hook on saved tensors returned a copy with other strides
                x = _laid_out(x, strides)
            takes_x, over_steps = _takes(kernel, x, states), bool(steps) and needs[0]
            options = {"sums_x": True} if over_steps and getattr(kernel, "sums_x", False) else {}
            if needs[0] and not steps and takes_x and getattr(kernel, "overwrites", False) and is_owned(grads):
                options["overwrites"] = True
            wide = x if takes_x else _widened(x, states[0].dtype)
            if not takes_x and grads[0] is not None:
                grads = grads[0].to(wide.dtype), *grads[1:]
            of_x, *others = kernel.backward(call_, grads, wide, states, constants, saved, trace, needs, **options)
            if of_x is not None:
                of_x = as_dtype(of_x, x.dtype)
                of_x = of_x.sum(0) if over_steps and "sums_x" not in options else of_x
            all_gradients = [of_x, *others]
        return None, *(g if n else None for g, n in zip(all_gradients, needs, strict=True))


def _laid_out(x: Tensor, strides: tuple[int, ...]) -> Tensor:
    """Return the input with its steps laid out in memory as these strides say, like the tensors that a kernel saved."""
    kept = x.detach() if strides[0] else x.detach()[:1]  # one step stands for all
    layout = Layout.of(torch.empty_strided(kept.shape, strides, device="meta"))
    return layout.sequence_back(layout.sequence(kept).clone(memory_format=torch.contiguous_format)).expand(x.shape)


def _arguments(tensors: Sequence[Tensor], count: int, steps: int) -> tuple[Tensor, Sequence[Tensor], Sequence[Tensor]]:
    """Return the input, ``count`` states, and the constants."""
    x = tensors[0].expand(steps, *tensors[0].shape) if steps else tensors[0]
    return x, tensors[1 : 1 + count], tensors[1 + count :]


def gradients(
    outs: Sequence[Tensor], grads: Sequence[Tensor | None], tensors: Sequence[Tensor], create_graph: bool = False
) -> Sequence[Tensor | None]:
    """Return the gradients of tensors, given the gradients of the values computed from them (None for zero)."""
    ends = [(o, g) for o, g in zip(outs, grads, strict=True) if g is not None and o.requires_grad]
    if not ends or not tensors:
        return [None] * len(tensors)
    outs, seeds = zip(*ends, strict=True)
    return torch.autograd.grad(outs, tensors, seeds, create_graph=create_graph, allow_unused=True)
