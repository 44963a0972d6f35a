"""Inputs, states and gradients that lie in memory in any way give what contiguous ones give."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import snn_core as snn

from .comparison import Comparison, by_kernels, by_steps, drive, near, same_bits

SHAPE = (3, 2, 4, 3)


def strided(x: Tensor) -> Tensor:
    """Every other element of a larger tensor, along every axis."""
    large = x.new_full([2 * n for n in x.shape], torch.nan)
    return large[tuple(slice(None, None, 2) for _ in x.shape)].copy_(x)


def batch_first(x: Tensor) -> Tensor:
    """Time as the second axis in memory, as loaders of data give it."""
    return x.transpose(0, 1).contiguous().transpose(0, 1)


def time_last(x: Tensor) -> Tensor:
    return x.movedim(0, -1).contiguous().movedim(-1, 0)


def channels_last(x: Tensor) -> Tensor:
    return x.to(memory_format=torch.channels_last_3d if x.dim() == 5 else torch.channels_last)


def transposed(x: Tensor) -> Tensor:
    return x.mT.contiguous().mT


def backwards(x: Tensor) -> Tensor:
    """All axes in reverse order."""
    order = list(reversed(range(x.dim())))
    return x.permute(order).contiguous().permute(order)


def offset(x: Tensor) -> Tensor:
    """Not at the beginning of its storage."""
    return x.new_full([x.numel() + 3], torch.nan)[3:].view(x.shape).copy_(x)


def every_other_step(x: Tensor) -> Tensor:
    """Each step dense, and a step's length between two."""
    return torch.stack([x, torch.full_like(x, torch.nan)], 1).flatten(0, 1)[::2]


LAYOUTS = [strided, batch_first, time_last, channels_last, transposed, backwards, offset, every_other_step]


class Laid(Comparison):
    """A comparison whose upstream gradients are laid out in a way of their own."""

    layout: Callable[[Tensor], Tensor] = staticmethod(lambda x: x)

    def upstream(self, number: int, output: Tensor) -> Tensor:
        return self.layout(super().upstream(number, output))


def neuron() -> snn.Synaptic:
    return snn.Synaptic(0.8, torch.rand(2, 1, 1), learn_alpha=True, learn_beta=True).double()


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.usefixtures("wide")
def test_any_layout_of_the_inputs(trace: bool, layout: Callable[[Tensor], Tensor]) -> None:
    synaptic, xs = neuron(), drive(6, *SHAPE)
    plain = Laid(synaptic, xs, trace=trace)
    laid = Laid(synaptic, layout(xs), synaptic.State._make([layout(s) for s in plain.state]), trace)
    laid.layout = layout
    outputs, gradients = laid.outcome(by_kernels)
    expected, reference = plain.outcome(by_kernels)
    for f, e in zip([*outputs, *gradients[:3]], [*expected, *reference[:3]], strict=True):
        same_bits(f, e)
    near(gradients[3:], reference[3:], 1e-14)  # sums go through the columns as they lie in memory
    near(gradients, laid.outcome(by_steps)[1], 1e-12)


def expanded(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """One element for all along some axes."""
    return x[tuple(slice(0, 1) if axis in axes else slice(None) for axis in range(x.dim()))].expand_as(x)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1), (2, 3), (0, 1, 2, 3)], ids=str)
@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.usefixtures("wide")
def test_one_element_for_all_along_some_axes(trace: bool, axes: tuple[int, ...]) -> None:
    synaptic, xs = neuron(), expanded(drive(6, *SHAPE), axes)
    state = synaptic.State._make([expanded(drive(*SHAPE, seed=n), axes) for n in (3, 4)])
    comparison = Laid(synaptic, xs, state, trace)
    comparison.layout = lambda gradient: expanded(gradient, tuple(axis for axis in axes if axis < gradient.dim()))
    comparison.agrees()


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.usefixtures("narrow")
def test_a_sum_over_time(trace: bool) -> None:
    outcomes = []
    for run in (by_kernels, by_steps):
        leaky, xs = snn.Leaky(0.9, learn_beta=True).double(), drive(7, 3, 5).requires_grad_()
        spikes, (mem,) = run(leaky, xs, leaky.State(torch.zeros(3, 5, dtype=torch.float64)), trace)
        total = (spikes.sum(0) * drive(3, 5)).sum() + mem.sum()
        outcomes.append(torch.autograd.grad(total, [xs, leaky.beta]))
    near(*outcomes, 1e-12)


@pytest.mark.usefixtures("narrow")
def test_windows_that_overlap_are_read_where_they_lie() -> None:
    windows = torch.arange(20, dtype=torch.float64).div(15).as_strided((10, 7), (1, 1))
    Comparison(snn.Leaky(0.8, learn_beta=True).double(), windows).agrees()
