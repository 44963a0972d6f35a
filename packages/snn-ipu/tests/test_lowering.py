"""The lowered program gives what the net gives, forward exactly and backward to rounding."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils._pytree import tree_flatten

import snn_core as snn
import snn_ipu
from snn_core import surrogate

from . import nets


def assert_same(net: nn.Module, xs: torch.Tensor, exact: bool = True) -> None:
    """Forward equal; every gradient, the input's too, within 1e-6 of its size.

    One matrix product of all steps may round otherwise than another: with ``exact=False`` spikes and all else that is
    0 or 1 must be equal, and membranes to 1e-12.
    """
    program = snn_ipu.lower(net, xs)
    fed, batch_first = xs.clone().requires_grad_(), xs.transpose(0, 1).clone().requires_grad_()
    expected, actual = tree_flatten(snn.unroll(net, fed))[0], tree_flatten(program(batch_first))[0]
    assert len(expected) == len(actual)
    for a, b in zip(expected, actual):
        b = b.transpose(0, 1)
        discrete = exact or bool(((a == 0) | (a == 1)).all())
        torch.testing.assert_close(b, a, rtol=0 if discrete else 1e-12, atol=0 if discrete else 1e-12)
    weigh = [torch.randn_like(a) for a in expected]
    sum((a * w).sum() for a, w in zip(expected, weigh)).backward()
    sum((b * w.transpose(0, 1)).sum() for b, w in zip(actual, weigh)).backward()
    gradients = dict(program.graph.net.named_parameters())
    for name, p in net.named_parameters():
        # where nothing has a gradient, a fused kernel gives zeros and the steps give none
        reference, result = (torch.zeros_like(p) if g is None else g for g in (p.grad, gradients[name].grad))
        torch.testing.assert_close(result, reference, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(batch_first.grad.transpose(0, 1), fed.grad, rtol=1e-6, atol=1e-9)


@given(
    neuron=st.sampled_from(sorted(nets.NEURONS)),
    reset=st.sampled_from(["subtract", "zero", "none"]),
    spike_grad=st.sampled_from(sorted(nets.SURROGATES)),
    reset_delay=st.booleans(),
    threshold=st.sampled_from([0.5, 1.0, 1.25]),
    num_steps=st.integers(1, 7),
    batch=st.sampled_from([1, 3]),
)
def test_every_neuron_reset_and_surrogate_is_that_of_the_core(
    neuron, reset, spike_grad, reset_delay, threshold, num_steps, batch
):
    options = {"reset_mechanism": reset, "reset_delay": reset_delay, "threshold": threshold}
    net = nets.alone(neuron, spike_grad=nets.SURROGATES[spike_grad], **options)
    # an LSTM projects its input for all steps at once in the core, which rounds otherwise
    assert_same(net, nets.example(num_steps, batch, features=5), exact=neuron != "slstm")


@pytest.mark.parametrize("name", sorted(nets.SURROGATES))
def test_each_surrogate_once_with_gradients_that_count(name):
    net = nets.projected("leaky", spike_grad=nets.SURROGATES[name])
    xs = nets.example()
    spk, _ = snn.unroll(net, xs)
    assert 0.1 < spk.mean() < 0.9
    through = torch.autograd.grad(spk.sum(), net[0].weight)[0].any() if spk.requires_grad else False
    assert bool(through) == (name != "none")
    assert_same(net, xs, exact=False)


@pytest.mark.parametrize("name", sorted(nets.NEURONS))
@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
def test_each_neuron_and_reset_once(name, reset):
    assert_same(nets.projected(name, reset_mechanism=reset), nets.example(), exact=False)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_spikes_and_states_of_a_deep_net_are_equal_in_both_precisions(dtype):
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1),
        nn.GroupNorm(1, 3),
        snn.Leaky(beta=0.9, init_hidden=True),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(12, 7),
        nn.LayerNorm(7),
        snn.Synaptic(alpha=0.5, beta=0.9, init_hidden=True),
        nn.Linear(7, 5),
        snn.Leaky(beta=0.9, reset_mechanism="none", init_hidden=True, output=True),
    ).to(dtype)
    xs = nets.example(9, 4, 16, dtype).reshape(9, 4, 1, 4, 4)
    result = snn_ipu.lower(net, xs)(xs.transpose(0, 1))
    expected = snn.unroll(net, xs)
    assert expected[0].any()
    assert result[0].transpose(0, 1).equal(expected[0])
    torch.testing.assert_close(result[1].transpose(0, 1), expected[1])


def test_the_membranes_of_a_read_out_are_the_output():
    net = nn.Sequential(nn.Linear(7, 5), snn.Leaky(beta=0.9, init_hidden=True), nn.Linear(5, 3), snn.Readout(beta=0.8))
    assert_same(net.double(), nets.example(), exact=False)


class Residual(nn.Module):
    """A forward of its own: a branch, a sum, a reshape by the batch's size, several outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 5), nn.Linear(5, 5)
        self.a = snn.Leaky(beta=0.9, init_hidden=True)
        self.b = snn.RLeaky(beta=0.5, linear_features=5, init_hidden=True, output=True)
        self.register_buffer("gain", torch.tensor(0.75))

    def forward(self, x):
        x = x.view(x.size(0), -1)
        spk = self.a(self.first(x))
        out, mem = self.b(self.second(spk) + spk * self.gain)
        return {"spk": out, "rest": [mem, torch.cat([spk, out], dim=1)]}


def test_an_own_forward_keeps_its_structure_of_outputs():
    net = Residual().double()
    assert_same(net, nets.example(5, 3, 6).reshape(5, 3, 2, 3), exact=False)
    out = snn_ipu.lower(net, nets.example(5, 3, 6).reshape(5, 3, 2, 3))(torch.zeros(4, 5, 2, 3, dtype=torch.float64))
    assert out["spk"].shape == (4, 5, 5)
    assert out["rest"][1].shape == (4, 5, 10)


class Fixed(nn.Module):
    """A branch that no gradient passes."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.lif = nn.Linear(7, 7), snn.Leaky(beta=0.9, init_hidden=True)

    def forward(self, x):
        with torch.no_grad():
            aside = torch.tanh(self.fc(x))
        return self.lif(self.fc(x) + aside)


def test_computations_without_gradients_have_none_in_the_program():
    assert_same(Fixed().double(), nets.example(), exact=False)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.clone(),
        lambda x: x.unsqueeze(1)[:, 0].contiguous().clone(),
        lambda x: x.max(1, keepdim=True)[0],
        lambda x: x.max(1, keepdim=True).indices.double() + 1,
        lambda x: x.chunk(7, 1)[3],
        lambda x: torch.stack(x.unbind(1), 1),
        lambda x: x.split(1, dim=1)[2],
        lambda x: x.to(x.dtype),  # the same tensor, which keeps its gradient
    ],
)
def test_tensors_made_without_gradients_have_none_in_the_program(function):
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.lif = nn.Linear(7, 7), snn.Leaky(beta=0.9, init_hidden=True)

        def forward(self, x):
            h = self.fc(x)
            with torch.no_grad():
                gate = function(h)
            return self.lif(h * gate)

    torch.manual_seed(0)
    assert_same(Gated().double(), nets.example(), exact=False)


def test_a_program_takes_batches_of_any_size():
    net = nets.projected("rsynaptic")
    program = snn_ipu.lower(net, nets.example(batch=3))
    xs = nets.example(batch=8)
    assert program(xs.transpose(0, 1))[0].transpose(0, 1).equal(snn.unroll(net, xs)[0])


def test_a_bounded_decay_stays_bounded_and_learns():
    net = nn.Sequential(nn.Linear(7, 5), snn.bounded(snn.Leaky(beta=0.9, init_hidden=True), "beta")).double()
    assert_same(net, nets.example(), exact=False)


def test_a_decay_at_the_ends_of_its_range_learns_and_one_outside_does_not():
    decays = torch.tensor([-0.5, 0.0, 0.5, 1.0, 1.5])
    lif = snn.Synaptic(alpha=decays, beta=decays, learn_alpha=True, learn_beta=True, init_hidden=True).double()
    assert_same(nn.Sequential(nn.Linear(7, 5), lif).double(), nets.example(), exact=False)
    for learned in lif.parameters():
        assert (learned.grad != 0).tolist() == [False, True, True, True, False]


def test_a_layer_used_twice_is_one_weight_saved_under_both_names(tmp_path):
    shared = nn.Linear(5, 5)
    net = nn.Sequential(shared, snn.Leaky(beta=0.9, init_hidden=True), shared).double()
    xs = nets.example(features=5)
    program = snn_ipu.lower(net, xs)
    assert program.description["aliases"] == {"2.weight": "0.weight", "2.bias": "0.bias"}
    assert len(list(program.parameters())) == 2
    program.save(tmp_path / "weights.npz")
    assert list(net.load_state_dict(snn_ipu.weights(tmp_path / "weights.npz"))) == [[], []]


def test_the_net_stays_as_it_was():
    net = nets.projected("leaky")
    snn.unroll(net, nets.example())
    before, mem = copy.deepcopy(net.state_dict()), net[1].mem
    snn_ipu.lower(net, nets.example())
    assert net[1].mem is mem
    assert net[1].spike_grad == surrogate.atan()
    assert "forward" not in vars(net[1])
    assert not net[0]._forward_hooks
    assert not net[0]._forward_pre_hooks
    assert all(v.equal(before[k]) for k, v in net.state_dict().items())


def test_expressions_that_do_not_change_are_computed_once():
    program = snn_ipu.lower(nets.projected("alpha"), nets.example())
    (neuron,) = (node for node in program.description["nodes"] if node["kind"] == "neuron")
    once, step = ([op["op"] for op in neuron[part]] for part in ("once", "step"))
    assert once.count("log") == 2
    assert "log" not in step
    assert "clamp" not in step
    assert [node["op"] for node in program.description["nodes"] if node["kind"] == "call"] == ["linear"]


def test_dropout_draws_while_the_program_trains_and_not_when_it_infers():
    net = nn.Sequential(nn.Dropout(0.5), nn.Linear(7, 5), snn.Leaky(beta=0.9, init_hidden=True)).double()
    xs = nets.example(batch=64)
    program = snn_ipu.lower(net, xs)
    outputs = [program(xs.transpose(0, 1)) for _ in range(2)]
    assert not outputs[0].equal(outputs[1])
    program.graph.eval()
    assert program(xs.transpose(0, 1)).transpose(0, 1).equal(snn.unroll(net.eval(), xs))


def test_a_stochastic_surrogate_is_one_where_the_neuron_fired():
    net = nn.Sequential(snn.Leaky(beta=0.9, init_hidden=True, spike_grad=surrogate.SSO(mean=0.0, variance=0.2)))
    xs = torch.full((1, 1000, 1), 2.0)
    xs[:, 500:] = -2.0
    program = snn_ipu.lower(net, xs)
    fed = xs.transpose(0, 1).clone().requires_grad_()
    program(fed).sum().backward()
    gradient = fed.grad.flatten()
    assert gradient[:500].equal(torch.ones(500))
    assert gradient[500:].abs().max() <= 0.1
    assert 0.04 < gradient[500:].std() < 0.08  # uniform of width 0.2: 0.2 / sqrt(12) = 0.0577


def test_rate_coding_draws_a_spike_of_the_given_probability_in_every_step():
    net = nn.Sequential(snn.Leaky(beta=0.0, threshold=0.5, reset_mechanism="none", init_hidden=True))
    program = snn_ipu.lower(net, torch.rand(200, 2, 3), encoding="rate")
    rates = torch.tensor([0.0, 0.25, 1.0]).expand(50, 3)
    result = program(rates).mean((0, 1))
    # 10,000 draws: the mean of the middle one has a standard deviation of 0.0043
    assert result[0] == 0
    assert result[2] == 1
    assert abs(result[1] - 0.25) < 0.02


def test_another_number_of_steps_is_rule_10_and_another_shape_is_reported():
    program = snn_ipu.lower(nets.projected("leaky"), nets.example(6))
    with pytest.raises(ValueError, match=r"IPU010: the program was made for input \[batch, 6, 7\], got \[3, 5, 7\]"):
        program(torch.zeros(3, 5, 7, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"^the program was made for input \[batch, 6, 7\], got \[3, 6, 8\]"):
        program(torch.zeros(3, 6, 8, dtype=torch.float64))


def test_a_net_that_cannot_be_lowered_is_refused_with_its_first_issue():
    net = nn.Sequential(nn.Linear(7, 5), snn.Leaky(beta=0.9, inhibition=True, init_hidden=True))
    with pytest.raises(snn.backends.BackendError, match=r"cannot be lowered for an IPU: IPU004 in '1'"):
        snn_ipu.lower(net, nets.example(dtype=torch.float32))


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((3, torch.zeros(2, 1, 1)), TypeError, "a net .* can be lowered, got int"),
        ((nn.Identity(), [1]), TypeError, r"the example must be a tensor \[T, batch, ...\], got list"),
        ((nn.Identity(), torch.zeros(0, 2, 3)), ValueError, r"shape \(0, 2, 3\)"),
        ((nn.Identity(), torch.zeros(3)), ValueError, r"shape \(3,\)"),
    ],
)
def test_bad_arguments_are_named(arguments, error, text):
    with pytest.raises(error, match=text):
        snn_ipu.lower(*arguments)


@pytest.mark.parametrize("bad", ["latency", 3])
def test_an_unknown_encoding_is_named(bad):
    with pytest.raises(ValueError, match=r"encoding is .*; choose 'rate' or None"):
        snn_ipu.lower(nets.projected("leaky"), nets.example(), encoding=bad)


class Masked(nn.Module):
    """A mask that is not saved under one name, and perhaps under another."""

    def __init__(self, mask, persistent) -> None:
        super().__init__()
        self.register_buffer("mask", mask, persistent=persistent)

    def forward(self, x):
        return x * self.mask


@pytest.mark.parametrize("persistent", [(False, False), (False, True), (True, False), (True, True)])
def test_a_shared_buffer_is_saved_under_the_names_of_the_state_dict(persistent, tmp_path):
    mask = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0])
    first, second = (Masked(mask, each) for each in persistent)
    net = nn.Sequential(first, nn.Linear(5, 5), second, snn.Leaky(beta=0.9, init_hidden=True))
    program = snn_ipu.lower(net, nets.example(features=5, dtype=torch.float32))
    program.save(tmp_path / "weights.npz")
    assert list(net.load_state_dict(snn_ipu.weights(tmp_path / "weights.npz"))) == [[], []]


def test_other_features_of_rate_coded_input_are_not_another_number_of_steps():
    program = snn_ipu.lower(nets.alone("leaky").float(), torch.rand(6, 3, 5), encoding="rate")
    with pytest.raises(ValueError, match=r"^the program was made for input \[batch, 5\], got \[3, 4\]"):
        program(torch.rand(3, 4))
