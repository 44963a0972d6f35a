"""Tests of a layer that learns online as of any other: state, copies, dtypes, frozen parts."""

import copy
import pickle
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import snn_core as snn
from snn_functional.online import RTRLLayer

from .online_layers import NEURONS, inputs_and_weights, loss_of_step, online, pair, through_time


def test_the_input_has_the_gradient_of_the_step():
    plain, layer = pair("Leaky")
    xs, weights = inputs_and_weights(4, 5, 3)
    for x, w in zip(xs, weights, strict=True):
        grads = []
        for net in (plain, layer):
            snn.utils.detach(net)
            leaf = x.clone().requires_grad_()
            loss_of_step(net(leaf), w).backward()
            grads.append(leaf.grad)
        assert torch.equal(*grads)


@pytest.mark.parametrize("frozen", ["synapse", "synapse.weight", "synapse.bias", "neuron"])
def test_fixed_parameters_have_no_gradient_and_change_no_other(frozen):
    plain, layer = pair("Leaky, all learned")
    for name, parameter in layer.named_parameters():
        parameter.requires_grad_(not name.startswith(frozen))
    xs, weights = inputs_and_weights(7, 5, 3)
    _, expected = through_time(plain, xs, weights)
    _, result = online(layer, xs, weights)
    for key, grad in result.items():
        if key.replace("0.", "synapse.").replace("1.", "neuron.").startswith(frozen):
            assert grad is None
        else:
            torch.testing.assert_close(grad, expected[key], rtol=1e-11, atol=1e-11)


def test_steps_without_gradient_are_constants_as_they_are_to_autograd():
    plain, layer = pair("Synaptic")
    xs, weights = inputs_and_weights(9, 5, 3)
    with torch.no_grad():
        for x in xs[:5]:
            plain(x), layer(x)
    losses = [loss_of_step(plain(x), w) for x, w in zip(xs[5:], weights[5:], strict=True)]
    sum(losses).backward()
    for x, w in zip(xs[5:], weights[5:], strict=True):
        loss_of_step(layer(x), w).backward()
    for a, b in zip(layer.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-11, atol=1e-11)


def test_two_losses_of_one_step_may_be_differentiated_one_after_the_other():
    plain, layer = pair("Leaky")
    xs, _ = inputs_and_weights(4, 5, 3)
    for net in (plain, layer):
        for x in xs:
            spk, mem = net(x)
        spk.sum().backward(retain_graph=True)
        mem.sum().backward()
    torch.testing.assert_close(layer.synapse.weight.grad, plain[0].weight.grad, rtol=1e-12, atol=1e-12)


def test_unrolled_in_a_net_it_gives_what_the_plain_layers_give():
    for output in (False, True):
        plain, layer = pair("Leaky", output=output)
        xs, _ = inputs_and_weights(6, 5, 3)
        twin = nn.Sequential(nn.Identity(), layer)
        for a, b in zip(tree_leaves(snn.unroll(twin, xs)), tree_leaves(snn.unroll(plain, xs)), strict=True):
            torch.testing.assert_close(a, b)
        tree_leaves(snn.unroll(twin, xs))[0].sum().backward()
        tree_leaves(snn.unroll(plain, xs))[0].sum().backward()
        torch.testing.assert_close(layer.synapse.weight.grad, plain[0].weight.grad, rtol=1e-11, atol=1e-11)


def test_copies_pickles_and_moves_keep_the_traces():
    _, layer = pair("Synaptic")
    xs, weights = inputs_and_weights(6, 5, 3)
    for x in xs[:-1]:
        layer(x)
    layer.zero_grad()
    copies = [layer, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), layer.float().double()]
    grads = []
    for duplicate in copies[:3]:
        duplicate.zero_grad()
        loss_of_step(duplicate(xs[-1]), weights[-1]).backward()
        grads.append(duplicate.synapse.weight.grad)
    assert torch.allclose(grads[0], grads[1], rtol=1e-5)
    assert torch.equal(grads[1], grads[2])


def test_weights_may_be_functions_of_what_is_learned():
    plain, layer = pair("Synaptic")
    for synapse in (plain[0], layer.synapse):
        torch.nn.utils.parametrizations.weight_norm(synapse)
    xs, weights = inputs_and_weights(7, 5, 3)
    _, expected = through_time(plain, xs, weights)
    _, result = online(layer, xs, weights)
    assert "0.parametrizations.weight.original0" in result
    for key, grad in expected.items():
        torch.testing.assert_close(result[key], grad, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_gradients_have_the_dtype_of_the_weights(dtype):
    layer = RTRLLayer(nn.Linear(3, 4, dtype=dtype), snn.Leaky(0.8, init_hidden=True).to(dtype))
    for x in torch.rand(5, 2, 3, dtype=dtype):
        layer(x).sum().backward()
    assert layer.synapse.weight.grad.dtype == dtype
    assert layer.synapse.weight.grad.isfinite().all()


def test_a_layer_may_be_built_before_it_has_values():
    with torch.device("meta"):
        layer = RTRLLayer(nn.Linear(3, 4), snn.Leaky(0.8, init_hidden=True))
    assert layer(torch.ones(2, 3, device="meta")).shape == (2, 4)


@pytest.mark.parametrize("surrogate", [snn.surrogate.SSO(), snn.surrogate.heaviside(), snn.surrogate.LSO()], ids=repr)
def test_any_surrogate_will_do_and_no_random_number_is_drawn_to_look_at_it(surrogate):
    state = torch.get_rng_state()
    layer = RTRLLayer(nn.Linear(3, 4), snn.Leaky(0.8, spike_grad=surrogate, reset_delay=False))
    torch.set_rng_state(state)
    nn.Linear(3, 4)  # draws what the layer above drew
    after = torch.get_rng_state()
    torch.set_rng_state(state)
    RTRLLayer(nn.Linear(3, 4), layer.neuron)
    assert torch.equal(torch.get_rng_state(), after)


def test_without_a_surrogate_spikes_have_no_gradient_and_membranes_have():
    layer = RTRLLayer(nn.Linear(3, 4), snn.RLeaky(0.8, V=0.5, all_to_all=False, surrogate_disable=True))
    for x in torch.rand(5, 2, 3):
        _, mem = layer(x)
    (gradient,) = torch.autograd.grad(mem.sum(), layer.synapse.bias)
    torch.testing.assert_close(gradient, torch.full((4,), 2 * sum(0.8**t for t in range(5))))


def test_the_repr_names_both_parts_and_the_filter():
    text = repr(RTRLLayer(nn.Linear(3, 4), snn.Leaky(0.8), output_decay=0.5))
    assert "output_decay=0.5" in text
    assert "(synapse): Linear" in text
    assert "(neuron): Leaky" in text


def test_a_neuron_without_kept_state_returns_its_states_too():
    layer = RTRLLayer(nn.Linear(3, 4), snn.Synaptic(0.7, 0.8))
    spk, syn, mem = layer(torch.rand(2, 3))
    assert spk.shape == syn.shape == mem.shape == (2, 4)


def test_nan_stays_with_its_sample():
    layer = RTRLLayer(nn.Linear(3, 4), snn.Leaky(0.8))
    xs = torch.rand(3, 2, 3)
    xs[0, 1] = float("nan")
    for x in xs:
        _, mem = layer(x)
    mem[0].sum().backward()
    assert mem[0].isfinite().all()
    assert mem[1].isnan().all()


def test_the_layers_are_shared_not_copied():
    synapse, neuron = nn.Linear(3, 4), snn.Leaky(0.8, init_hidden=True)
    layer = RTRLLayer(synapse, neuron)
    layer(torch.rand(2, 3)).sum().backward()
    assert synapse.weight.grad is not None
    assert layer.neuron is neuron
    assert neuron.mem.shape == (0,)  # the layer keeps the state, and the neuron none


class Own(snn.SpikingNeuron):
    """A neuron of a user's own."""

    class State(NamedTuple):
        mem: Tensor

    def __init__(self, **options):
        super().__init__(**options)
        self.constant("leak", 0.25, learn=True)

    def integrate(self, x, state):
        return self.State((state.mem - self.leak).clamp_min(0) + x.tanh())


def test_a_users_neuron_learns_too(monkeypatch):
    monkeypatch.setitem(NEURONS, "Own", Own)
    plain, layer = pair("Own")
    xs, weights = inputs_and_weights(9, 5, 3)
    _, expected = through_time(plain, xs, weights)
    _, result = online(layer, xs, weights)
    assert set(result) == {"0.weight", "0.bias", "1.leak"}
    for key, grad in expected.items():
        torch.testing.assert_close(result[key], grad, rtol=1e-11, atol=1e-11)


def test_a_batch_of_another_size_is_refused_until_the_layer_is_reset():
    layer = RTRLLayer(nn.Linear(3, 4), snn.Leaky(0.9))
    layer(torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"keeps a state 'mem' of shape \(2, 4\).*utils\.reset"):
        layer(torch.ones(5, 3))
    snn.utils.reset(layer)
    layer(torch.ones(5, 3))


@pytest.mark.parametrize("schedule", ["auto", "steps"])
@pytest.mark.parametrize("name", NEURONS)
def test_samples_of_unequal_length_are_as_they_are_alone(name, schedule):
    lengths, rest = torch.tensor([2, 4, 0, 3]), torch.tensor([0, 3, 2, 1])
    xs, _ = inputs_and_weights(7, 4, 3)
    _, layer = pair(name)
    samples = torch.arange(4)

    def run(first, then, n, m):
        """Two stretches of time, and how the outputs of the second depend on the parameters."""
        snn.unroll(layer, first, lengths=n, schedule=schedule)
        outputs = tree_leaves(snn.unroll(layer, then, lengths=m, schedule=schedule, resume=True))
        loss = sum(out.square().sum() for out in outputs)
        return outputs, torch.autograd.grad(loss, list(layer.parameters()), allow_unused=True)

    nan = xs.new_full((), float("nan"))
    padded = [
        torch.where((torch.arange(len(part)).unsqueeze(1) < ends).unsqueeze(-1), part, nan)
        for part, ends in ((xs[:4], lengths), (xs[4:], rest))
    ]
    outputs, gradients = run(*padded, lengths, rest)
    total = [torch.zeros_like(p) for p in layer.parameters()]
    for b in samples[rest > 0]:
        n, m = lengths[b : b + 1], rest[b : b + 1]
        alone, own = run(xs[:4, b : b + 1], xs[4 : 4 + m, b : b + 1], n, m)
        for out, single in zip(outputs, alone, strict=True):
            torch.testing.assert_close(out[:m, b : b + 1], single, rtol=1e-11, atol=1e-11)
            assert not out[m:, b].any()
        total = [t if g is None else t + g for t, g in zip(total, own, strict=True)]
    for result, expected in zip(gradients, total, strict=True):
        torch.testing.assert_close(torch.zeros_like(expected) if result is None else result, expected)
