"""The leaky integrator at the end of a net: its closed forms, its gradients, and its place in a net."""

from __future__ import annotations

from collections import namedtuple

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck
from torch.func import functional_call

import snn_core as snn

from .zoo import call_loop, close, gradients

BETAS = torch.tensor([0.0, 0.25, 0.5, 0.9, 1.0], dtype=torch.float64)


def unrolled(readout: nn.Module, xs: Tensor) -> Tensor:
    return snn.unroll(readout, xs)


@pytest.mark.parametrize("run", [unrolled, call_loop])
def test_an_impulse_decays_as_a_power_of_beta(run) -> None:
    xs = torch.zeros(7, 3, 5, dtype=torch.float64)
    xs[0] = 1
    powers = BETAS ** torch.arange(7, dtype=torch.float64).view(-1, 1, 1)
    close(run(snn.Readout(BETAS), xs), powers.expand(7, 3, 5))


@pytest.mark.parametrize("run", [unrolled, call_loop])
def test_a_constant_input_gives_a_geometric_sum(run) -> None:
    steps = torch.arange(1, 8, dtype=torch.float64).view(-1, 1, 1)
    below = BETAS[:-1]
    sums = torch.cat([(1 - below**steps) / (1 - below), steps], -1)  # with beta = 1 the number of steps
    close(run(snn.Readout(BETAS), torch.ones(7, 3, 5, dtype=torch.float64)), sums.expand(7, 3, 5))


def test_the_membrane_is_the_weighted_sum_of_all_input() -> None:
    torch.manual_seed(0)
    xs = torch.randn(7, 3, 5, dtype=torch.float64)
    ages = torch.arange(7).unsqueeze(1) - torch.arange(7)
    weights = torch.where(ages >= 0, 0.75**ages, 0.0).double()
    close(snn.unroll(snn.Readout(0.75).double(), xs), torch.einsum("ts,sbc->tbc", weights, xs))


@pytest.mark.parametrize("learn", [True, "bounded"])
def test_gradients_of_input_and_decay_are_those_of_differences(learn) -> None:
    torch.manual_seed(0)
    readout = snn.Readout(torch.tensor([0.2, 0.7, 0.95]), learn_beta=learn).double()
    ((name, parameter),) = readout.named_parameters()
    xs = torch.randn(7, 2, 3, dtype=torch.float64, requires_grad=True)

    def membranes(xs: Tensor, value: Tensor) -> Tensor:
        state = readout.State(torch.zeros(2, 3, dtype=torch.float64))
        out = functional_call(Unrolled(readout), {f"readout.{name}": value}, (xs, state))
        return torch.cat([out[0], out[1].mem.unsqueeze(0)])

    assert gradcheck(membranes, (xs, parameter.detach().clone().requires_grad_()))


class Unrolled(nn.Module):
    """A sequence of a neuron as a call, for functional_call."""

    def __init__(self, readout: snn.Readout) -> None:
        super().__init__()
        self.readout = readout

    def forward(self, xs: Tensor, state: object) -> object:
        return self.readout.unroll(xs, state)


def test_the_gradient_of_the_decay_is_the_derivative_of_the_geometric_sum() -> None:
    readout = snn.Readout(0.5, learn_beta=True).double()
    snn.unroll(readout, torch.ones(4, 1, 1, dtype=torch.float64))[-1].sum().backward()
    # d/db (1 + b + b^2 + b^3) = 1 + 2 b + 3 b^2
    assert readout.beta.grad.item() == 1 + 2 * 0.5 + 3 * 0.25


def classifier() -> nn.Sequential:
    torch.manual_seed(0)
    hidden = snn.Leaky(beta=0.9, init_hidden=True)
    return nn.Sequential(nn.Linear(6, 7), hidden, nn.Linear(7, 5), snn.Readout(BETAS, learn_beta=True)).double()


def inputs() -> Tensor:
    return 2 * torch.rand(7, 3, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("options", [{}, {"chunk": 2}, {"schedule": "steps"}], ids=str)
def test_a_net_ends_with_it_without_any_option(options) -> None:
    net, xs = classifier(), inputs()
    leaves = [*net.parameters()]
    expected = call_loop(net, xs)
    assert expected.shape == (7, 3, 5)
    membranes = snn.unroll(net, xs, **options)
    close(membranes, expected)
    close(gradients([membranes], leaves), gradients([expected], leaves))
    close(net[-1].mem, expected[-1])
    parts = [snn.unroll(net, xs[:3], **options), snn.unroll(net, xs[3:], resume=True, **options)]
    close(torch.cat(parts), expected)


def test_samples_of_other_lengths_are_as_if_each_ran_alone() -> None:
    net, xs = classifier(), inputs()
    membranes = snn.unroll(net, xs, lengths=[4, 7, 1])
    for sample, length in enumerate([4, 7, 1]):
        close(membranes[:length, sample], snn.unroll(net, xs[:length, sample : sample + 1]).squeeze(1))


def test_its_membrane_is_passed_on_by_the_caller_where_it_keeps_none() -> None:
    readout, xs = snn.Readout(0.8, init_hidden=False).double(), inputs()
    mem, membranes = None, []
    for x in xs:
        mem = readout(x, mem)
        membranes.append(mem)
    close(torch.stack(membranes), snn.unroll(snn.Readout(0.8).double(), xs))
    assert readout.mem.numel() == 0


def test_without_a_state_of_its_own_it_does_not_run_in_a_net() -> None:
    net = nn.Sequential(snn.Readout(0.8, init_hidden=False), nn.Linear(6, 2)).double()
    with pytest.raises(ValueError, match=r"'0' \(Readout\) has init_hidden=False and gets no state"):
        snn.unroll(net, inputs())
    assert net(inputs()[0]).shape == (3, 2)  # a membrane, which a layer takes


def test_a_quantizer_rounds_the_membrane_in_every_step() -> None:
    xs = torch.tensor([0.6, 0.6, 0.6], dtype=torch.float64).view(3, 1, 1)
    readout = snn.Readout(0.5, state_quant=torch.round).double()
    assert snn.unroll(readout, xs).flatten().tolist() == [1.0, 1.0, 1.0]  # 0.6, 1.1, 1.1


def test_under_autocast_the_membranes_are_those_of_float32() -> None:
    readout, xs = snn.Readout(beta=1.0), torch.ones(300, 1, 1, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        assert snn.unroll(readout, xs)[-1].item() == 300  # bfloat16 has no 300
        assert call_loop(readout, xs)[-1].item() == 300


@pytest.mark.parametrize("option", ["threshold", "spike_grad", "reset_mechanism", "output", "graded_spikes_factor"])
def test_options_of_spikes_are_refused(option: str) -> None:
    with pytest.raises(TypeError, match=rf"Readout\.__init__\(\) got an unexpected keyword argument '{option}'"):
        snn.Readout(0.5, **{option: 1})


@pytest.mark.parametrize(("mixin", "field"), [(snn.Recurrent, "spk"), (snn.Refractory, "wait")])
def test_a_part_that_acts_by_spikes_cannot_be_added(mixin, field: str) -> None:
    class Mixed(mixin, snn.Readout):
        State = namedtuple("State", (field, "mem"))

    options = {"refractory_period": 2} if field == "wait" else {}
    with pytest.raises(TypeError, match="Mixed never fires, so nothing can depend on its last spikes"):
        Mixed(beta=0.5, **options)


@pytest.mark.parametrize("beta", [float("nan"), "0.5", torch.empty(0)])
def test_a_decay_that_is_not_a_number_is_refused(beta) -> None:
    with pytest.raises((TypeError, ValueError), match="Readout: beta must"):
        snn.Readout(beta)


def test_its_repr_shows_its_decay_alone() -> None:
    assert repr(snn.Readout(0.5)) == "Readout(beta=0.5)"
    assert repr(snn.Readout(0.5, learn_beta=True)) == "Readout(beta=0.5 (learned))"
