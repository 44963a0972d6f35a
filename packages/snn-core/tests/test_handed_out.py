"""The last output is handed out as it came, so that a gradient that is alike in all steps stays one step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core.sequence.folding import Folding

from .stepped_programs import stepped

Strides = tuple[int | None, ...]


def of_a_sum_over_time(net: nn.Module) -> list[Strides]:
    """The strides over time of the gradients that an engine is given, layer by layer from the last one."""
    strides: list[Strides] = []
    with stepped() as engine:
        backward = engine.backward

        def watched(program: Any, grads: Any, *args: Any, **kwargs: Any) -> Any:
            strides.append(tuple(None if g is None else g.stride(0) for g in grads))
            return backward(program, grads, *args, **kwargs)

        engine.backward = watched
        spk, mem = snn.unroll(net, torch.rand(5, 3, 4))
        (spk.sum(0) ** 2 + mem.sum(0) ** 2).sum().backward()
    return strides


def test_sums_over_time_reach_the_kernel_as_one_step() -> None:
    net = nn.Sequential(nn.Linear(4, 6), snn.Leaky(0.9, init_hidden=True, output=True))
    assert of_a_sum_over_time(net) == [(0, 0)]


def test_a_neuron_behind_a_neuron_gets_the_output_of_the_first() -> None:
    inner, last = snn.Leaky(0.9, init_hidden=True), snn.Leaky(0.8, init_hidden=True, output=True)
    assert of_a_sum_over_time(nn.Sequential(nn.Linear(4, 6), inner, last)) == [(0, 0), (18, None)]


def folded() -> tuple[Tensor, Tensor, Folding]:
    whole = torch.rand(5, 3, 4).requires_grad_() * 1.0
    folding = Folding(5)
    return whole, folding.fold(whole), folding


def test_rows_of_a_sequence_are_that_sequence() -> None:
    whole, rows, folding = folded()
    assert folding.unfold(rows) is whole
    assert Folding(15).unfold(rows) is not whole
    assert folding.unfold(rows[:, 1:]) is not whole
    assert folding.unfold(rows[:10]).shape == (5, 2, 4)
    assert folding.unfold(rows.relu()) is not whole


def test_rows_that_are_detached_stay_so() -> None:
    _, rows, folding = folded()
    assert not folding.unfold(rows.detach()).requires_grad


def test_a_hook_on_rows_is_called() -> None:
    whole, rows, folding = folded()
    rows.register_hook(lambda grad: 3 * grad)
    (gradient,) = torch.autograd.grad(folding.unfold(rows).sum(), whole)
    assert (gradient == 3).all()


def test_rows_whose_gradient_is_kept_have_it() -> None:
    _, rows, folding = folded()
    rows.retain_grad()
    folding.unfold(rows).sum().backward()
    assert rows.grad is not None


def test_changes_of_rows_in_place_are_seen() -> None:
    whole, rows, folding = folded()
    before = whole.detach().clone()
    rows.mul_(2.0)
    assert torch.equal(folding.unfold(rows).detach(), 2 * before)
    (gradient,) = torch.autograd.grad(folding.unfold(rows).sum(), whole)
    assert torch.equal(gradient, torch.ones_like(whole))


def test_a_view_of_a_whole_tensor_gets_its_own_gradient() -> None:
    data, gradients = torch.rand(5, 3, 4, requires_grad=True), []
    xs = data[:]
    xs.retain_grad()
    xs.register_hook(gradients.append)
    snn.unroll(nn.Sequential(snn.Leaky(0.9, init_hidden=True)), xs).sum().backward()
    assert xs.grad is not None
    assert data.grad is not None
    assert torch.equal(xs.grad, data.grad)
    assert torch.equal(gradients[0], data.grad)
