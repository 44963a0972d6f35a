"""Tests of neurons with a ``forward`` of one step and tensors as attributes, as snnTorch's programs write them."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

STEPS, BATCH, SIZE = 9, 3, 5


class Own(snn.SpikingNeuron):
    """It passes the options of the base class on by position."""

    def __init__(
        self,
        beta: float,
        threshold: float = 1.0,
        init_hidden: bool = False,
        reset_mechanism: Any = "subtract",
        output: bool = False,
        graded_spikes_factor: float = 1.0,
    ) -> None:
        options = init_hidden, False, True, reset_mechanism, False, output, graded_spikes_factor, False
        super().__init__(threshold, snn.surrogate.fast_sigmoid(), False, *options)
        self.beta = nn.Parameter(torch.tensor(beta))
        self.register_buffer("mem", torch.zeros(0), persistent=False)
        self.state_function = self._base_zero if self.reset_mechanism_val == 1 else self._base_sub

    def reset_mem(self) -> Tensor:
        self.mem = torch.zeros_like(self.mem)
        return self.mem

    def forward(self, input_: Tensor, mem: Tensor | None = None) -> Any:
        if mem is not None:
            self.mem = mem
        if self.mem.shape != input_.shape:
            self.mem = torch.zeros_like(input_)
        self.reset = self.mem_reset(self.mem)
        self.mem = self.state_function(input_)
        spk = self.fire(self.mem)
        return spk if self.init_hidden and not self.output else (spk, self.mem)

    def _base_state_function(self, input_: Tensor) -> Tensor:
        return self.beta.clamp(0, 1) * self.mem + input_

    def _base_sub(self, input_: Tensor) -> Tensor:
        return self._base_state_function(input_) - self.reset * self.threshold

    def _base_zero(self, input_: Tensor) -> Tensor:
        self.mem = (1 - self.reset) * self.mem
        return self._base_state_function(input_)


def leaky(*args: Any, **options: Any) -> snn.Leaky:
    """The neuron of the package that computes the same."""
    grad = snn.surrogate.fast_sigmoid()
    return snn.Leaky(*args, spike_grad=grad, learn_beta=True, learn_threshold=True, **options)


def net_of(kind: Any, **options: Any) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(SIZE, 7),
        kind(0.9, init_hidden=True, **options),
        nn.Linear(7, 4),
        kind(0.8, threshold=0.3, init_hidden=True, **options),
    )


def inputs() -> Tensor:
    return 3 * torch.rand(STEPS, BATCH, SIZE)


def stepped(net: nn.Module, xs: Tensor) -> Tensor:
    snn.utils.reset(net)
    return torch.stack([net(x) for x in xs])


def gradients(net: nn.Module, spk: Tensor) -> dict[str, Tensor]:
    net.zero_grad()
    spk.mul(torch.arange(4.0)).sum().backward()
    return {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_it_computes_what_the_same_neuron_of_the_package_does(reset: str) -> None:
    xs = inputs()
    net, base = (net_of(kind, reset_mechanism=reset, graded_spikes_factor=0.5) for kind in (Own, leaky))
    expected = stepped(base, xs)
    assert 0 < (expected != 0).float().mean() < 1
    grads = gradients(base, expected)
    runs = [stepped, snn.unroll, lambda net, xs: snn.unroll(net, xs, chunk=4)]
    for run in runs:
        spk = run(net, xs)
        assert torch.equal(spk, expected)
        torch.testing.assert_close(gradients(net, spk), grads)


def test_states_may_be_passed_and_returned() -> None:
    neuron, base, mem, expected = Own(0.9), leaky(0.9), torch.zeros(BATCH, SIZE), torch.zeros(BATCH, SIZE)
    for x in inputs():
        spk, mem = neuron(x, mem)
        spk_of_base, expected = base(x, expected)
        assert torch.equal(spk, spk_of_base)
        torch.testing.assert_close(mem, expected)


def test_unroll_runs_it_step_by_step_and_says_why() -> None:
    _, schedule = snn.unroll(net_of(Own), inputs(), explain=True)
    assert schedule.kind == "steps"
    assert schedule.reason.startswith("forward ")


def test_a_sequence_starts_from_rest_and_a_reset_calls_its_reset_mem() -> None:
    net, xs = net_of(Own), inputs()
    first = stepped(net, xs)
    assert not torch.equal(torch.stack([net(x) for x in xs]), first)
    assert torch.equal(snn.unroll(net, xs), first)
    assert net[1].mem.any()
    snn.utils.reset(net)
    assert not net[1].mem.any()


def test_detach_cuts_what_it_has_computed_off_the_graph() -> None:
    net, xs = net_of(Own), inputs()
    before = stepped(net, xs)
    mem = net[1].mem
    snn.utils.detach(net)
    assert torch.equal(net[1].mem, mem)
    assert not net[1].mem.requires_grad
    before.sum().backward()
    torch.stack([net(x) for x in xs]).sum().backward()
    assert net[1].beta.requires_grad


def test_copies_and_pickles_continue_where_the_original_was() -> None:
    net, xs = net_of(Own), inputs()
    stepped(net, xs)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert twin[1].state_function.__self__ is twin[1]
        assert torch.equal(twin[1].mem, net[1].mem)
        assert torch.equal(twin(xs[0]), copy.deepcopy(net)(xs[0]))


def test_its_repr_shows_the_options_of_the_base_class() -> None:
    expected = "Own(threshold=2 (learned), reset_mechanism='zero', spike_grad=fast_sigmoid(slope=25), init_hidden=True)"
    assert repr(Own(0.9, 2.0, True, "zero")) == expected


def test_it_has_no_step_but_its_forward() -> None:
    for method in ("step", "unroll"):
        with pytest.raises(TypeError, match=r"Own declares no State, so only its own forward .*snn\.unroll\(net, xs\)"):
            getattr(Own(0.9), method)(inputs())
    with pytest.raises(ValueError, match=r"'1' \(Own\) does not declare that it keeps only tensors"):
        snn.unroll(net_of(Own), inputs(), lengths=torch.tensor([3, 4, 5]))


class Adapting(snn.Leaky):
    """A neuron with a state and, besides, tensors of its own that are inside the graph."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.register_buffer("rise", torch.zeros(BATCH, SIZE))

    def forward(self, input_: Tensor) -> Tensor:
        self.spk = super().forward(input_ - self.rise)
        self.rise = 0.9 * self.rise + self.spk
        return self.spk


def test_a_neuron_may_be_copied_whatever_else_it_keeps() -> None:
    neuron, xs = Adapting(beta=0.9, learn_beta=True, init_hidden=True), inputs()
    for x in xs:
        neuron(x)
    assert neuron.rise.requires_grad
    for twin in (copy.deepcopy(neuron), pickle.loads(pickle.dumps(neuron))):
        for name in ("rise", "spk", "mem"):
            assert torch.equal(getattr(twin, name), getattr(neuron, name))
        assert torch.equal(twin(xs[0]), copy.deepcopy(neuron)(xs[0]))


def test_a_stream_is_refused_where_all_streams_would_share_a_state() -> None:
    with pytest.raises(ValueError, match=r"stream: '0' \(Own\) keeps its states in attributes"):
        snn.stream(nn.Sequential(Own(0.9, init_hidden=True)))
