"""Inputs, states and gradients that lie in memory in any way give what contiguous ones give."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from .specification import KINDS, Case, backward, case, random_gradients, same_bits

SHAPE = (4, 3, 6, 5)


def strided(x: Tensor) -> Tensor:
    """Every other element of a larger tensor, along every axis."""
    large = x.new_full([2 * n for n in x.shape], torch.nan)
    view = large[tuple(slice(None, None, 2) for _ in x.shape)]
    return view.copy_(x)


def batch_first(x: Tensor) -> Tensor:
    """Time as the second axis in memory, as data loaders give it."""
    return x.transpose(0, 1).contiguous().transpose(0, 1)


def time_last(x: Tensor) -> Tensor:
    return x.movedim(0, -1).contiguous().movedim(-1, 0)


def channels_last(x: Tensor) -> Tensor:
    return x.to(memory_format=torch.channels_last_3d) if x.dim() == 5 else x.to(memory_format=torch.channels_last)


def reversed_axes(x: Tensor) -> Tensor:
    order = list(reversed(range(x.dim())))
    return x.permute(order).contiguous().permute(order)


def offset(x: Tensor) -> Tensor:
    """Not at the beginning of its storage, and aligned to no vector."""
    return x.new_full([x.numel() + 3], torch.nan)[3:].view(x.shape).copy_(x)


def negated(x: Tensor) -> Tensor:
    """A tensor that is to be negated when it is read, as torch makes of the imaginary part of a conjugate."""
    return torch._neg_view(-x)


LAYOUTS = [strided, batch_first, time_last, channels_last, reversed_axes, offset, negated]


def outcome(sample: Case, gradients: list[Tensor]) -> list[Tensor]:
    """Outputs and gradients."""
    out = sample.by_kernel()
    return [*out, *backward(sample, out, gradients)]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize(("family", "reset", "delay"), [k for k in KINDS if k[1] == "subtract" or k[0] == "alpha"])
def test_any_layout_of_inputs_states_constants_and_gradients(
    family: str, reset: str, delay: bool, trace: bool, layout: Callable[[Tensor], Tensor]
) -> None:
    sample = case(family, reset, delay, shape=SHAPE, steps=34, trace=trace, constants=lambda name: (3, 1, 1))
    gradients = random_gradients(sample.by_kernel())
    expected = outcome(sample.fresh(), gradients)
    laid = [layout(t.detach()) if t.dim() > 3 else t for t in sample.tensors]
    result = outcome(sample.with_tensors(laid).fresh(), [layout(g) for g in gradients])
    rounded = len(sample.constants)  # sums go through the columns in the order in which they lie in memory
    for e, f in zip(expected[:-rounded], result[:-rounded], strict=True):
        same_bits(f, e)
    torch.testing.assert_close(result[-rounded:], expected[-rounded:], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1), (2, 3, 4), (0, 1, 2, 3, 4)], ids=str)
@pytest.mark.parametrize("family", ["leaky", "rsynaptic_one_to_one"])
def test_a_gradient_or_input_expanded_along_some_axes(family: str, axes: tuple[int, ...]) -> None:
    sample = case(family, shape=SHAPE, steps=34, trace=True)

    def expanded(t: Tensor) -> Tensor:
        first = t.detach()[tuple(slice(0, 1) if axis in axes else slice(None) for axis in range(t.dim()))]
        return first.expand_as(t)

    gradients = [expanded(g) for g in random_gradients(sample.by_kernel())]
    flat = sample.with_tensors([expanded(sample.x), *sample.tensors[1:]])
    copied = sample.with_tensors([t.detach().clone(memory_format=torch.contiguous_format) for t in flat.tensors])
    expected = outcome(copied.fresh(), [g.clone(memory_format=torch.contiguous_format) for g in gradients])
    for e, f in zip(expected, outcome(flat.fresh(), gradients), strict=True):
        same_bits(f, e)


@pytest.mark.parametrize("axes", [(0,), (2,), (0, 1), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize(("family", "reset", "delay"), [k for k in KINDS if k[1] != "zero"])
def test_states_constants_and_gradients_expanded_along_some_axes(
    family: str, reset: str, delay: bool, trace: bool, axes: tuple[int, ...]
) -> None:
    sample = case(family, reset, delay, shape=(3, 6, 5), steps=34, trace=trace, constants=lambda name: (3, 6, 5))

    def expanded(t: Tensor) -> Tensor:
        first = t.detach()[(..., *(slice(0, 1) if axis in axes else slice(None) for axis in range(3)))]
        return first.expand_as(t)

    gradients = [expanded(g) for g in random_gradients(sample.by_kernel())]
    few = sample.with_tensors([expanded(t) for t in sample.tensors])
    copied = sample.with_tensors([t.clone(memory_format=torch.contiguous_format) for t in few.tensors])
    expected = outcome(copied.fresh(), [g.clone(memory_format=torch.contiguous_format) for g in gradients])
    for e, f in zip(expected, outcome(few.fresh(), gradients), strict=True):
        same_bits(f, e)


@pytest.mark.parametrize("copy", LAYOUTS[:5], ids=lambda f: f.__name__)
@pytest.mark.parametrize("layout", LAYOUTS[:5], ids=lambda f: f.__name__)
def test_hooks_on_saved_tensors_may_return_them_in_any_layout(
    layout: Callable[[Tensor], Tensor], copy: Callable[[Tensor], Tensor]
) -> None:
    sample = case("leaky", shape=SHAPE, steps=70, trace=True)
    sample = sample.with_tensors([layout(sample.x.detach()), *sample.tensors[1:]]).fresh()
    gradients = random_gradients(sample.by_kernel())
    expected = backward(sample, sample.by_kernel(), gradients)
    with saved_tensors_hooks(lambda t: copy(t) if t.shape == sample.x.shape else t, lambda t: t):
        out = sample.by_kernel()
    for e, f in zip(expected, backward(sample, out, gradients), strict=True):
        same_bits(f, e)


def test_windows_that_overlap_are_read_where_they_lie() -> None:
    sample = case("synaptic", shape=(7,), steps=34)
    windows = torch.arange(40, dtype=torch.float64).div(40).as_strided((34, 7), (1, 1))
    copied = sample.with_tensors([windows.clone(), *sample.tensors[1:]])
    gradients = random_gradients(sample.by_kernel())
    result = outcome(sample.with_tensors([windows, *sample.tensors[1:]]).fresh(), gradients)
    for e, f in zip(outcome(copied.fresh(), gradients), result, strict=True):
        same_bits(f, e)


@pytest.mark.parametrize("shape", [(), (1,), (3, 1), (1, 1, 1, 1, 1)], ids=str)
def test_steps_of_any_number_of_axes(shape: tuple[int, ...]) -> None:
    sample = case("leaky", shape=shape, trace=True)
    leaves = sample.fresh()
    out = leaves.by_kernel()
    for o_k, o in zip(out, sample.by_steps(), strict=True):
        same_bits(o_k, o)
    assert [g.shape for g in backward(leaves, out, random_gradients(out))] == [t.shape for t in sample.tensors]
