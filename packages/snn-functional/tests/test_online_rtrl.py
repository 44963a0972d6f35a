"""RTRLLayer against backpropagation through time, finite differences and closed forms, in float64."""

import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import snn_core as snn
from snn_functional import ce_rate_loss
from snn_functional.backprop import RTRL
from snn_functional.online import RTRLLayer

from .online_layers import NEURONS, inputs_and_weights, loss_of_step, online, pair, through_time


@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize("steps", [1, 2, 13])
def test_gradients_of_single_steps_add_up_to_those_through_time(name, steps):
    plain, layer = pair(name)
    xs, weights = inputs_and_weights(steps, 5, 3)
    expected, expected_gradients = through_time(plain, xs, weights)
    outputs, result = online(layer, xs, weights)
    for a, b in zip(outputs, expected, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(tree_leaves(a), tree_leaves(b), strict=True))
    assert result.keys() == expected_gradients.keys()
    for key, grad in expected_gradients.items():
        torch.testing.assert_close(result[key], grad, rtol=1e-11, atol=1e-11, msg=lambda m, key=key: f"{key}: {m}")


@pytest.mark.parametrize("name", NEURONS)
def test_the_neurons_of_these_tests_fire_and_have_a_history(name):
    plain, _ = pair(name)
    xs, weights = inputs_and_weights(13, 5, 3)
    outputs, whole = through_time(plain, xs, weights)
    nonzero = sum(float((tree_leaves(out)[0] != 0).double().mean()) for out in outputs) / 13
    assert 0 < nonzero < 0.9 or name == "Readout"  # which returns membranes
    plain.zero_grad()
    for x, w in zip(xs, weights, strict=True):  # the same without the gradient through the past
        snn.utils.detach(plain)
        loss_of_step(plain(x), w).backward()
    assert not torch.allclose(plain[0].weight.grad, whole["0.weight"], rtol=1e-3)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(1, 9), st.integers(0, 4), st.integers(1, 5), st.booleans(), st.sampled_from(sorted(NEURONS)))
def test_sizes_do_not_matter(steps, batch, inputs, bias, name):
    plain, layer = pair(name, inputs, bias)
    xs, weights = inputs_and_weights(steps, batch, inputs)
    _, expected = through_time(plain, xs, weights)
    _, result = online(layer, xs, weights)
    for key, grad in expected.items():
        torch.testing.assert_close(result[key], grad, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["Leaky", "Synaptic"])
def test_a_single_late_loss_reaches_the_whole_past(name):
    plain, layer = pair(name)
    xs, weights = inputs_and_weights(9, 2, 3)
    for net in (plain, layer):
        for x in xs[:-1]:
            net(x)
        loss_of_step(net(xs[-1]), weights[-1]).backward()
    torch.testing.assert_close(layer.synapse.weight.grad, plain[0].weight.grad, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["Leaky", "Synaptic", "Alpha", "Lapicque", "RLeaky, to itself"])
@pytest.mark.parametrize("decay", [0.0, 0.999])
def test_under_autocast_it_is_rounded_and_no_more(name, decay):
    constants = {"threshold": 1e6 if not decay else 1e-6, "init_hidden": True, "output": True, "learn_beta": True}
    constants["reset_mechanism"] = "subtract" if not decay else "none"  # it fires never, or in each step
    constants["spike_grad"] = snn.surrogate.straight_through_estimator()  # the same whatever the membrane is
    make = {
        "Leaky": lambda: snn.Leaky(0.99, **constants),
        "Synaptic": lambda: snn.Synaptic(0.9, 0.99, **constants),
        "Alpha": lambda: snn.Alpha(0.99, 0.9, **constants),
        "Lapicque": lambda: snn.Lapicque(beta=0.99, **constants),
        "RLeaky, to itself": lambda: snn.RLeaky(0.99, V=-0.01, all_to_all=False, **constants),
    }
    layer, results = RTRLLayer(nn.Linear(3, 4), make[name](), output_decay=decay), []
    xs = torch.rand(601, 5, 3)
    with torch.no_grad():
        layer.synapse.weight.abs_()
    for enabled in (False, True):
        snn.utils.reset(layer)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            for x in xs:
                out, *_, mem = layer(x)
        layer.zero_grad()
        ((out if decay else mem) * torch.linspace(0.5, 1, 4)).sum().backward()
        learned = [layer.synapse.weight.grad, layer.synapse.bias.grad, layer.neuron.beta.grad]
        results.append([out.detach(), mem.detach(), *learned])
    for exact, rounded in zip(*results, strict=True):
        assert exact.any() or exact is results[0][0]
        assert (exact - rounded).norm() <= 2**-7 * exact.norm()


def test_the_gradient_of_a_leaky_membrane_has_a_closed_form():
    beta, steps = 0.75, 6
    layer = RTRLLayer(nn.Linear(1, 1, bias=False), snn.Leaky(beta, reset_mechanism="none", learn_beta=True)).double()
    xs = torch.linspace(0.1, 0.6, steps, dtype=torch.float64).reshape(steps, 1, 1)
    for x in xs:
        _, mem = layer(x)
    mem.backward()
    w = float(layer.synapse.weight.detach())
    powers = [beta ** (steps - 1 - t) for t in range(steps)]
    slopes = [(steps - 1 - t) * beta ** max(steps - 2 - t, 0) for t in range(steps)]
    assert float(layer.synapse.weight.grad) == pytest.approx(sum(p * float(x) for p, x in zip(powers, xs, strict=True)))
    assert float(layer.neuron.beta.grad) == pytest.approx(
        sum(s * w * float(x) for s, x in zip(slopes, xs, strict=True)), rel=1e-6
    )


def smooth(x):
    return torch.sigmoid(4 * x)


@pytest.mark.parametrize(
    "neuron",
    [
        lambda: snn.Leaky(0.8, spike_grad=smooth, reset_delay=False, learn_beta=True, learn_threshold=True),
        lambda: snn.Synaptic(0.7, 0.8, spike_grad=smooth, reset_delay=False, learn_alpha=True),
        lambda: snn.RLeaky(0.8, V=-0.4, all_to_all=False, spike_grad=smooth, reset_delay=False),
    ],
    ids=["Leaky", "Synaptic", "RLeaky"],
)
def test_gradients_are_finite_differences_where_spikes_are_smooth(neuron):
    torch.manual_seed(0)
    layer = RTRLLayer(nn.Linear(3, 4), neuron()).double()
    xs, weights = inputs_and_weights(7, 2, 3)
    online(layer, xs, weights)

    def value():
        snn.utils.reset(layer)
        with torch.no_grad():
            return float(sum(loss_of_step(layer(x), w) for x, w in zip(xs, weights, strict=True)))

    for name, parameter in layer.named_parameters():
        flat_parameter, grad = parameter.detach().view(-1), parameter.grad.reshape(-1)
        for index in range(len(flat_parameter)):
            original = float(flat_parameter[index])
            values = []
            for offset in (1e-6, -1e-6):
                flat_parameter[index] = original + offset
                values.append(value())
            flat_parameter[index] = original
            assert float(grad[index]) == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-6, abs=1e-7), name


def peak_of_saved(run):
    """The largest number of bytes that graphs hold at any time."""
    alive, peak = weakref.WeakSet(), [0]

    class Saved:
        def __init__(self, tensor):
            self.tensor = tensor

    def pack(tensor):
        saved = Saved(tensor)
        alive.add(saved)
        peak[0] = max(peak[0], sum(saved.tensor.numel() * saved.tensor.element_size() for saved in alive))
        return saved

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda saved: saved.tensor):
        run()
    return peak[0]


@pytest.mark.parametrize("name", ["Leaky", "Synaptic", "Alpha"])
def test_memory_does_not_grow_with_the_steps(name):
    plain, layer = pair(name)
    used = {}
    for steps in (5, 50):
        xs, weights = inputs_and_weights(steps, 5, 3)
        used["online", steps] = peak_of_saved(lambda xs=xs, weights=weights: online(layer, xs, weights))
        used["through time", steps] = peak_of_saved(lambda xs=xs, weights=weights: through_time(plain, xs, weights))
        used["kept", steps] = sum(part.numel() for part in layer._kept if isinstance(part, Tensor))
        batch = [(xs, torch.arange(5) % 4)]
        optimizer = torch.optim.SGD(plain.parameters(), lr=0.0)
        used["epoch", steps] = peak_of_saved(lambda batch=batch, o=optimizer: RTRL(plain, batch, o, ce_rate_loss()))
    for kind in ("online", "kept", "epoch"):
        assert used[kind, 50] == used[kind, 5] > 0
    assert used["through time", 50] > 8 * used["through time", 5]


def test_a_past_step_is_not_held():
    _, layer = pair("Leaky")
    xs, weights = inputs_and_weights(3, 5, 3)
    nodes = []
    for x, w in zip(xs, weights, strict=True):
        loss = loss_of_step(layer(x), w)
        nodes.append(count_nodes(loss.grad_fn))
        loss.backward()
    assert nodes[0] == nodes[1] == nodes[2]


def count_nodes(root):
    visited, todo = set(), [root]
    while todo:
        node = todo.pop()
        if node is not None and node not in visited:
            visited.add(node)
            todo += [after for after, _ in node.next_functions]
    return len(visited)


@pytest.mark.parametrize("decay", [0.3, 0.9, 1.0])
@pytest.mark.parametrize("name", ["Leaky", "Synaptic"])
def test_filtered_spikes_feed_a_leaky_read_out(name, decay):
    plain, twin = pair(name, output=False)
    layer = RTRLLayer(twin.synapse, twin.neuron, output_decay=decay)
    head = nn.Linear(4, 2, bias=False).double()
    xs, weights = inputs_and_weights(9, 5, 3)
    y, loss, filtered = 0.0, 0.0, []
    for x, w in zip(xs, weights, strict=True):
        y = decay * y + head(plain(x))  # a read-out that leaks by itself
        filtered.append(y)
        loss = loss + loss_of_step(y, w[:, :, :2])
    loss.backward()
    reference = [plain[0].weight.grad, plain[0].bias.grad, head.weight.grad.clone()]
    head.zero_grad()
    for x, w, expected in zip(xs, weights, filtered, strict=True):
        y = head(layer(x))
        torch.testing.assert_close(y, expected)
        loss_of_step(y, w[:, :, :2]).backward()
    for a, b in zip([layer.synapse.weight.grad, layer.synapse.bias.grad, head.weight.grad], reference, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)
