"""A fused kernel under autograd: when it may be called, what it is told and saves, gradients of gradients."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

import snn_core as snn
from snn_core import kernels, surrogate
from snn_core.engines import Arguments, fused
from snn_core.engines.layout import Layout

from .stepped_programs import Stepped, offered
from .zoo import close


@pytest.fixture
def kernel() -> Iterator[Stepped]:
    by_hand = Stepped()
    with offered(by_hand):
        yield by_hand


def leaky() -> snn.Leaky:
    learn = {"learn_beta": True, "learn_threshold": True}
    return snn.Leaky(beta=torch.linspace(0.3, 1.0, 5), spike_grad=surrogate.fast_sigmoid(2), **learn).double()


def drive(*, grad: bool = True) -> Tensor:
    return (1.5 * torch.randn(7, 3, 5, dtype=torch.float64)).requires_grad_(grad)


def reference(neuron: snn.Leaky, xs: Tensor, mem: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Spikes and last membrane by the loop."""
    mem = torch.zeros(xs.shape[1:], dtype=xs.dtype) if mem is None else mem
    spk, last = kernels.loop(neuron.advance, xs, neuron.State(mem), False)
    return spk, last.mem


class Tagged(Tensor):
    """A tensor that follows what is computed with it, as a tracer's does."""


def test_plain_tensors_parameters_and_buffers_fit() -> None:
    assert fused.fits(torch.zeros(2), nn.Parameter(torch.zeros(2)), nn.Buffer(torch.zeros(2)))


def test_a_tensor_that_follows_what_is_computed_does_not_fit() -> None:
    assert not fused.fits(torch.zeros(2), torch.zeros(2).as_subclass(Tagged))


def test_nothing_fits_where_more_than_autograd_watches() -> None:
    answers: list[bool] = []

    def watch(x: Tensor) -> Tensor:
        answers.append(fused.fits(torch.zeros(2)))
        return (x * x).sum()

    torch.func.grad(watch)(torch.ones(3))
    torch.func.vmap(watch)(torch.ones(2, 3))
    torch.func.functionalize(watch)(torch.ones(3))
    with torch.autograd.forward_ad.dual_level():
        watch(torch.ones(3))
    assert answers == [False] * 4


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_nothing_fits_while_torch_traces() -> None:
    answers: list[bool] = []

    def watch(x: Tensor) -> Tensor:
        answers.append(fused.fits(torch.zeros(2)))
        return x * 2

    torch.jit.trace(watch, torch.ones(3), check_trace=False)
    assert answers == [False]


def test_a_misfit_runs_in_the_loop(kernel: Stepped) -> None:
    neuron, xs = leaky(), drive(grad=False)
    mapped = torch.func.vmap(lambda x: neuron.unroll(x)[0], in_dims=1, out_dims=1)(xs)
    assert kernel.calls == []
    close(mapped, neuron.unroll(xs)[0])
    neuron.unroll(xs.as_subclass(Tagged))
    assert (kernel.calls, kernel.told) == (["forward"], [True])


def test_a_kernel_knows_which_gradients_are_zero(kernel: Stepped) -> None:
    neuron, xs = leaky(), drive()
    for output, came in enumerate([(True, False), (False, True)]):
        spk, last = neuron.unroll(xs)
        gradients = torch.autograd.grad((spk, last.mem)[output].sum(), [xs, *neuron.parameters()])
        expected = torch.autograd.grad(reference(neuron, xs)[output].sum(), [xs, *neuron.parameters()])
        close(gradients, expected)
        assert (kernel.calls[-1], kernel.told[-1]) == ("backward", came)


def test_a_gradient_that_nobody_asks_for_is_absent(kernel: Stepped) -> None:
    neuron, xs = leaky(), drive(grad=False)
    neuron.threshold.requires_grad_(False)
    mem = torch.zeros(3, 5, dtype=torch.float64, requires_grad=True)
    neuron.unroll(xs, neuron.State(mem))[0].sum().backward()
    assert xs.grad is None
    assert neuron.threshold.grad is None
    expected = torch.autograd.grad(reference(neuron, xs, mem)[0].sum(), [mem, neuron.beta])
    close([mem.grad, neuron.beta.grad], list(expected))


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("delay", [True, False])
@pytest.mark.parametrize("output", [0, 1], ids=["spikes", "membrane"])
def test_a_gradient_has_the_gradient_of_the_loops(kernel: Stepped, reset: str, delay: bool, output: int) -> None:
    neuron, xs = leaky(), drive()
    neuron.reset_mechanism, neuron.reset_delay = reset, delay
    mem = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    leaves = [xs, mem, *neuron.parameters()]

    def twice(out: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        first = torch.autograd.grad((out * out.detach().cos()).sum(), leaves, create_graph=True, allow_unused=True)
        first = [torch.zeros_like(x) if g is None else g for g, x in zip(first, leaves, strict=True)]
        penalty = sum(g.square().sum() for g in first)
        second = torch.autograd.grad(penalty, leaves, allow_unused=True) if penalty.requires_grad else []
        return first, [torch.zeros_like(x) if g is None else g for g, x in zip(second, leaves, strict=False)]

    spk, last = neuron.unroll(xs, neuron.State(mem))
    result = twice((spk, last.mem)[output])
    assert (kernel.calls, kernel.told) == (
        ["forward"],
        [True],
    )  # what will be differentiated again goes through the steps
    expected = twice(reference(neuron, xs, mem)[output])
    close(result, expected)
    assert any(g.any() for g in expected[1])


def test_a_graph_that_is_kept_gives_the_same_gradient_again(kernel: Stepped) -> None:
    neuron, xs = leaky(), drive()
    loss = neuron.unroll(xs)[0].sum()
    (first,) = torch.autograd.grad(loss, [xs], retain_graph=True)
    (second,) = torch.autograd.grad(loss, [xs])
    assert torch.equal(first, second)
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_an_input_changed_in_place_before_the_backward_pass_is_an_error(kernel: Stepped) -> None:
    neuron, xs = leaky(), drive()
    scaled = xs * 2
    loss = neuron.unroll(scaled)[0].sum()
    with torch.no_grad():
        scaled.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def saved_bytes(run) -> int:
    """Return how many bytes a call stores for a backward pass."""
    held: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        held[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with saved_tensors_hooks(pack, lambda t: t):
        run()
    return sum(held.values())


def test_without_a_backward_pass_nothing_is_saved(kernel: Stepped) -> None:
    neuron, xs = leaky(), drive(grad=False)
    still = copy.deepcopy(neuron).requires_grad_(False)

    def without_grad() -> None:
        with torch.no_grad():
            neuron.unroll(xs)

    def for_inference() -> None:
        with torch.inference_mode():
            neuron.unroll(xs)

    for run in (without_grad, for_inference, lambda: still.unroll(xs)):
        assert saved_bytes(run) == 0
    assert (kernel.calls, kernel.told) == (["forward"] * 3, [False] * 3)
    assert saved_bytes(lambda: neuron.unroll(xs)) > 0


def test_outputs_say_whether_they_have_a_gradient(kernel: Stepped) -> None:
    neuron, xs = leaky(), drive()
    spk, last = neuron.unroll(xs)
    assert spk.requires_grad
    assert last.mem.requires_grad
    with torch.no_grad():
        spk, last = neuron.unroll(xs)
    assert not spk.requires_grad
    with torch.inference_mode():
        assert neuron.unroll(xs)[0].is_inference()


class Ordered(Stepped):
    """One that keeps what it saves in the order in which its input lies in memory."""

    def forward(self, program: Any, call: Arguments, save: bool) -> Any:
        self.layout, self.x = Layout.of(call.x), call.x.clone()
        return super().forward(program, call, save)

    def backward(self, program: Any, call: Arguments, *args: Any) -> Any:
        assert Layout.of(call.x) == self.layout
        assert call.x.equal(self.x)
        return super().backward(program, call, *args)


SEQUENCES = {
    "in order": lambda x: x,
    "in another order": lambda x: x.mT.contiguous().mT,
    "not dense": lambda x: x.new_zeros(7, 3, 10)[..., ::2].copy_(x),
    "not dense and in another order": lambda x: x.new_zeros(7, 10, 3).mT[..., ::2].copy_(x),
    "of one step": lambda x: x[0].mT.contiguous().mT.expand(x.shape),
    "of one sample": lambda x: x[:, :1].expand(x.shape),
    "of overlapping windows": lambda x: x.flatten().as_strided((7, 3, 5), (5, 5, 1)),
}
COPIES = {
    "in order": lambda t: t.contiguous(),
    "in another order": lambda t: t.mT.contiguous().mT if t.dim() > 1 else t,
}


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("kind", SEQUENCES)
def test_a_kernel_gets_the_layout_of_its_input_back_whatever_hooks_return(kind: str, copy: str) -> None:
    neuron, xs, by_hand = leaky(), SEQUENCES[kind](drive(grad=False)).requires_grad_(), Ordered()
    with offered(by_hand), saved_tensors_hooks(COPIES[copy], lambda t: t):
        spk, _ = neuron.unroll(xs)
    close(torch.autograd.grad(spk.sum(), xs), torch.autograd.grad(reference(neuron, xs)[0].sum(), xs))
    assert len(by_hand.calls) == 2


@pytest.mark.parametrize("copy", COPIES)
def test_a_kernel_gets_the_layout_of_a_repeated_step_back(copy: str) -> None:
    neuron, rows, by_hand = leaky(), drive(grad=False)[0].mT.contiguous().mT.requires_grad_(), Ordered()
    with offered(by_hand), saved_tensors_hooks(COPIES[copy], lambda t: t):
        spk, _ = neuron.unroll(fused.repeated(rows, 7))
    expected = reference(neuron, rows.expand(7, 3, 5))[0]
    close(torch.autograd.grad(spk.sum(), rows), torch.autograd.grad(expected.sum(), rows))
    assert len(by_hand.calls) == 2


class Viewing(Stepped):
    """One whose outputs are views of larger tensors."""

    def forward(self, *args: Any, **kwargs: Any) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        out, saved = super().forward(*args, **kwargs)
        return tuple(torch.stack([o, o])[1].mT.contiguous().mT for o in out), saved


@pytest.mark.parametrize("by_hand", [Stepped, Viewing])
def test_outputs_may_be_changed_in_place(by_hand: type[Stepped]) -> None:
    neuron, xs = leaky(), drive()

    def run() -> list[Tensor]:
        spk, last = neuron.unroll(xs)
        loss = spk.mul_(3).sum() + last.mem.clamp_(min=0).sum()
        return list(torch.autograd.grad(loss, [xs, *neuron.parameters()]))

    with offered():
        expected = run()
    with offered(by_hand()):
        close(run(), expected)
        with torch.no_grad():
            neuron.unroll(xs)[1].mem.detach_().zero_()
