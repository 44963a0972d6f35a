"""The recurrent neurons against loops written out with torch alone."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import snn_core as snn

from .zoo import close


def reference(
    xs: Tensor, beta: float, v: nn.Module, alpha: float | None = None, zero: bool = False
) -> tuple[Tensor, Tensor]:
    """Spikes and last membrane of recurrent leaky integration, threshold 1, with the default surrogate ignored."""
    spk = syn = mem = torch.zeros_like(xs[0])
    spks = []
    for x in xs:
        fired = (mem > 1).to(mem.dtype)
        drive = x + v(spk)
        if alpha is not None:
            syn = alpha * syn + drive
            drive = syn
        mem = beta * (mem * (1 - fired)) + drive if zero else beta * mem + drive - fired
        spk = (mem > 1).to(mem.dtype)
        spks.append(spk)
    return torch.stack(spks), mem


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_all_to_all_recurrence_is_a_linear_layer_of_the_spikes_before(reset: str) -> None:
    xs = torch.randn(20, 3, 5, dtype=torch.float64)
    for neuron, alpha in (
        (snn.RLeaky(beta=0.75, linear_features=5, reset_mechanism=reset), None),
        (snn.RSynaptic(alpha=0.5, beta=0.75, linear_features=5, reset_mechanism=reset), 0.5),
    ):
        neuron.double()
        spk, last = neuron.unroll(xs)
        linear = nn.Linear(5, 5).double()
        linear.load_state_dict(neuron.recurrent.state_dict())
        spk_expected, mem_expected = reference(xs, 0.75, linear, alpha, zero=reset == "zero")
        assert torch.equal(spk, spk_expected)
        close(last.mem, mem_expected)
        close(last.spk, spk[-1])


def test_convolutional_recurrence_keeps_the_size_of_the_image() -> None:
    neuron = snn.RLeaky(beta=0.75, conv2d_channels=2, kernel_size=3).double()
    xs = torch.randn(7, 3, 2, 5, 7, dtype=torch.float64)
    spk, last = neuron.unroll(xs)
    weight, bias = neuron.recurrent.weight, neuron.recurrent.bias
    spk_expected, mem_expected = reference(xs, 0.75, lambda s: functional.conv2d(s, weight, bias, padding=1))
    assert torch.equal(spk, spk_expected)
    close(last.mem, mem_expected)


def test_one_to_one_recurrence_multiplies_each_neurons_own_spike() -> None:
    v = torch.tensor([0.25, -0.5, 0.0], dtype=torch.float64)
    neuron = snn.RLeaky(beta=0.75, V=v, all_to_all=False).double()
    xs = torch.randn(20, 2, 3, dtype=torch.float64)
    spk, last = neuron.unroll(xs)
    spk_expected, mem_expected = reference(xs, 0.75, lambda s: s * v)
    assert torch.equal(spk, spk_expected)
    close(last.mem, mem_expected)


def test_spikes_come_first_among_the_states() -> None:
    neuron = snn.RLeaky(beta=0.5, V=0.5, all_to_all=False)
    # 0.5 * 0.5 + 0.25 + 0.5 * 1 = 1.0, not above the threshold
    spk, mem = neuron(torch.full((1, 1), 0.25), torch.ones(1, 1), torch.full((1, 1), 0.5))
    assert (spk.item(), mem.item()) == (0.0, 1.0)
    synaptic = snn.RSynaptic(alpha=0.5, beta=0.5, V=0.5, all_to_all=False)
    spk, syn, mem = synaptic(torch.full((1, 1), 0.25), torch.ones(1, 1), torch.ones(1, 1), torch.full((1, 1), 0.5))
    # I = 0.5 + 0.25 + 0.5, U = 0.25 + 1.25
    assert (spk.item(), syn.item(), mem.item()) == (1.0, 1.25, 1.5)


def test_the_recurrent_weights_learn_unless_told_not_to() -> None:
    for kind, options in ((snn.RLeaky, {"beta": 0.9}), (snn.RSynaptic, {"alpha": 0.9, "beta": 0.8})):
        assert dict(kind(linear_features=3, **options).named_parameters()).keys() == {
            "recurrent.weight",
            "recurrent.bias",
        }
        assert not any(p.requires_grad for p in kind(linear_features=3, learn_recurrent=False, **options).parameters())
        assert any(p.requires_grad for p in kind(V=0.5, all_to_all=False, **options).parameters())


def test_gradients_reach_the_recurrent_weights_through_the_spikes() -> None:
    neuron = snn.RLeaky(
        beta=0.5, V=0.5, all_to_all=False, spike_grad=snn.surrogate.straight_through_estimator()
    ).double()
    # with dS/dU = 1: S1 = x, U2 = 0.5 x + V S1 - R; L = S1 + S2: dL/dV = S1, dL/dx = 1 + 0.5 + V = 2
    xs = torch.tensor([1.5, 0.0], dtype=torch.float64, requires_grad=True)
    spk, _ = neuron.unroll(xs.view(2, 1, 1))
    spk.sum().backward()
    (parameter,) = neuron.parameters()
    assert parameter.grad.item() == 1.0
    assert xs.grad.tolist() == [2.0, 1.0]


def test_a_graded_recurrent_neuron_feeds_back_what_it_sends_out() -> None:
    # g = 0.5 is in S, and V acts on S: U2 = 0.5 * 1.5 + V * 0.5 - 1 with V = 0.5
    neuron = snn.RLeaky(beta=0.5, V=0.5, all_to_all=False, graded_spikes_factor=0.5)
    spk, state = neuron.step(torch.full((1, 1), 1.5), None)
    assert spk.item() == state.spk.item() == 0.5
    assert neuron.step(torch.zeros(1, 1), state)[1].mem.item() == 0.0


@pytest.mark.parametrize("kind", [snn.RLeaky, snn.RSynaptic])
def test_a_recurrence_without_its_size_says_what_is_missing(kind: type) -> None:
    decays = {"beta": 0.9} if kind is snn.RLeaky else {"alpha": 0.9, "beta": 0.8}
    with pytest.raises((ValueError, TypeError), match=rf"{kind.__name__}.*linear_features"):
        kind(**decays)
    with pytest.raises((ValueError, TypeError), match=rf"{kind.__name__}.*(kernel_size|conv2d_channels)"):
        kind(conv2d_channels=2, **decays)
    with pytest.raises((ValueError, TypeError), match=kind.__name__):
        kind(linear_features=3, conv2d_channels=2, kernel_size=3, **decays)


@pytest.mark.parametrize("size", [(3, 3, 3), (3,), 3.0, (3, 3.0), "3", [3, 3, 3]])
def test_a_kernel_of_a_size_that_is_not_a_pair_is_named(size) -> None:
    message = re.escape(f"RLeaky: kernel_size must be a whole number or a pair of them, got {size!r}")
    with pytest.raises(ValueError, match=message):
        snn.RLeaky(0.9, conv2d_channels=2, kernel_size=size)
    with pytest.raises(ValueError, match=r"SConv2dLSTM: kernel_size must be a whole number or a pair"):
        snn.SConv2dLSTM(2, 3, size)


def test_a_saved_v_of_older_files_loads_into_the_one_parameter() -> None:
    neuron = snn.RLeaky(beta=0.9, V=0.25, all_to_all=False)
    saved = neuron.state_dict()
    old = dict(saved) | {"V": torch.tensor(0.75), "recurrent.V": torch.tensor(0.75)}
    neuron.load_state_dict(old, strict=True)
    assert [p.item() for p in neuron.parameters()] == [0.75]
    with pytest.raises(ValueError, match=r"V"):
        neuron.load_state_dict(old | {"V": torch.tensor(0.5)}, strict=True)


def test_the_steps_of_a_net_of_two_recurrent_layers_follow_one_another() -> None:
    net = nn.Sequential(
        snn.RLeaky(beta=0.5, linear_features=5, init_hidden=True),
        nn.Linear(5, 3),
        snn.RSynaptic(alpha=0.5, beta=0.5, linear_features=3, init_hidden=True),
    ).double()
    xs = torch.randn(7, 3, 5, dtype=torch.float64)
    first, linear, second = net
    hidden, _ = first.unroll(xs)
    expected, _ = second.unroll(linear(hidden))
    snn.utils.reset(net)
    assert torch.equal(torch.stack([net(x) for x in xs]), expected)
    assert all(a.shape == b.shape for a, b in pairwise(expected))


@pytest.mark.parametrize("learn", [False, True])
@pytest.mark.parametrize("parameter", [False, True])
def test_the_weights_of_a_one_to_one_connection_can_be_set_and_read(learn: bool, parameter: bool) -> None:
    rlif = snn.RLeaky(beta=0.5, V=1.0, all_to_all=False, learn_recurrent=learn)
    weights = torch.tensor([0.5, -0.25])
    if learn and not parameter:
        with pytest.raises(TypeError, match="parameter 'V'"):  # torch's own, as for any parameter
            rlif.V = weights
        return
    rlif.V = nn.Parameter(weights) if parameter else weights
    assert rlif.V is rlif.recurrent.V
    assert [name for name, _ in rlif.named_parameters()] == (["recurrent.V"] if parameter else [])
    assert "recurrent.V" in rlif.state_dict()
    _, mem = rlif(torch.zeros(1, 2), torch.ones(1, 2), torch.zeros(1, 2))
    assert mem.tolist() == [[0.5, -0.25]]
    xs = torch.full((5, 1, 2), 0.75)
    close(rlif.unroll(xs), snn.RLeaky(beta=0.5, V=weights, all_to_all=False).unroll(xs))


def test_a_dense_connection_has_no_v_to_set() -> None:
    rlif = snn.RSynaptic(alpha=0.5, beta=0.5, linear_features=3)
    for act in (lambda: rlif.V, lambda: setattr(rlif, "V", torch.ones(3))):
        with pytest.raises(AttributeError, match=r"RSynaptic has V only with all_to_all=False; .*recurrent\.\*"):
            act()


def test_the_states_of_a_delay_belong_to_one_neuron_and_not_to_its_class() -> None:
    class Own(snn.RLeaky):
        pass

    delayed, plain = (Own(0.9, linear_features=3, init_hidden=True, **more) for more in ({"max_delay": 3}, {}))
    assert not hasattr(Own, "fed")
    delayed(torch.full((2, 3), 2.0))
    assert delayed.fed is delayed._kept.fed
    delayed.spk_1 = torch.ones(2, 3)
    assert torch.equal(delayed._kept.spk_1, torch.ones(2, 3))
    assert not hasattr(plain, "fed")
    with pytest.raises(TypeError, match="the state 'spk_1' must be a tensor"):
        delayed.spk_1 = 1.0
