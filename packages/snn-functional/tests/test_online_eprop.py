"""EPropLayer against the equations of Bellec et al. (2020), and against autograd with the recurrent spikes cut off."""

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_functional.online import EPropLayer, RandomFeedbackLinear

N, M, B = 5, 3, 4
SURROGATE = snn.surrogate.fast_sigmoid(slope=5)
NEURONS = {
    "RLeaky": lambda **o: snn.RLeaky(0.8, linear_features=N, **o),
    "RLeaky, all learned": lambda **o: snn.RLeaky(
        torch.linspace(0.5, 0.9, N), linear_features=N, learn_beta=True, learn_threshold=True, **o
    ),
    "RLeaky, zero": lambda **o: snn.RLeaky(0.8, linear_features=N, reset_mechanism="zero", **o),
    "RLeaky, none": lambda **o: snn.RLeaky(0.8, linear_features=N, reset_mechanism="none", learn_beta=True, **o),
    "RLeaky, reset at once": lambda **o: snn.RLeaky(0.8, linear_features=N, reset_delay=False, **o),
    "RLeaky, graded": lambda **o: snn.RLeaky(
        0.8, linear_features=N, graded_spikes_factor=1.5, learn_graded_spikes_factor=True, **o
    ),
    "RSynaptic": lambda **o: snn.RSynaptic(0.7, 0.8, linear_features=N, learn_alpha=True, learn_beta=True, **o),
}


def layer_of(name="RLeaky", decay=0.0, **options):
    torch.manual_seed(0)
    neuron = NEURONS[name](spike_grad=SURROGATE, init_hidden=True, **options)
    return EPropLayer(nn.Linear(M, N), neuron, output_decay=decay).double()


def inputs_and_signals(steps):
    generator = torch.Generator().manual_seed(steps)
    options = {"dtype": torch.float64, "generator": generator}
    return 3 * torch.rand(steps, B, M, **options) - 0.5, torch.randn(steps, B, N, **options)


def learn(layer, xs, signals):
    """Gradients of the sum over steps of the outputs, weighted; taken step by step."""
    snn.utils.reset(layer)
    for x, signal in zip(xs, signals, strict=True):
        (layer(x) * signal).sum().backward()
    return {name: p.grad for name, p in layer.named_parameters()}


def cut_off(layer, xs, signals, decay, *, cut=True):
    """The same by autograd through a loop in which neurons receive each other's spikes without gradient."""
    names, parameters = zip(*layer.named_parameters(), strict=True)
    state, filtered, total = None, 0.0, 0.0
    for x, signal in zip(xs, signals, strict=True):
        if state is not None and cut:
            state = state._replace(spk=state.spk.detach())
        spk, state = layer.neuron.step(layer.synapse(x), state)
        filtered = decay * filtered + spk
        total = total + (filtered * signal).sum()
    return dict(zip(names, torch.autograd.grad(total, parameters), strict=True))


def assert_same(result, expected):
    assert result.keys() == expected.keys()
    for name, grad in expected.items():
        torch.testing.assert_close(result[name], grad, rtol=1e-11, atol=1e-11, msg=lambda m, name=name: f"{name}: {m}")


@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize("decay", [0.0, 0.6])
@pytest.mark.parametrize("steps", [1, 2, 11])
def test_it_is_the_gradient_with_the_recurrent_spikes_cut_off(name, decay, steps):
    layer = layer_of(name, decay)
    xs, signals = inputs_and_signals(steps)
    assert_same(learn(layer, xs, signals), cut_off(layer, xs, signals, decay))


@pytest.mark.parametrize("decay", [0.0, 0.6])
def test_it_is_the_whole_gradient_where_recurrent_weights_are_zero(decay):
    layer = layer_of("RSynaptic", decay)
    nn.init.zeros_(layer.neuron.recurrent.weight)
    xs, signals = inputs_and_signals(11)
    assert_same(learn(layer, xs, signals), cut_off(layer, xs, signals, decay, cut=False))


def test_it_is_not_the_whole_gradient_elsewhere():
    layer = layer_of()
    xs, signals = inputs_and_signals(11)
    result, whole = learn(layer, xs, signals), cut_off(layer, xs, signals, 0.0, cut=False)
    assert not torch.allclose(result["synapse.weight"], whole["synapse.weight"], rtol=0.01)
    aligned = torch.nn.functional.cosine_similarity(
        result["synapse.weight"].flatten(), whole["synapse.weight"].flatten(), dim=0
    )
    assert aligned > 0.5


@pytest.mark.parametrize("feedback", ["symmetric", "random"])
def test_it_is_the_papers_rule(feedback):
    """Eligibility traces of LIF neurons times learning signals, as the paper writes them, sample by sample."""
    kappa, threshold, steps = 0.6, 1.0, 9
    layer = layer_of("RLeaky", kappa)
    alpha = float(layer.neuron.beta)
    head = (RandomFeedbackLinear if feedback == "random" else nn.Linear)(N, 2).double()
    xs, _ = inputs_and_signals(steps)
    targets = torch.rand(steps, B, 2, dtype=torch.float64)
    for x, y_star in zip(xs, targets, strict=True):
        (0.5 * (head(layer(x)) - y_star).square().sum()).backward()

    w_in, w_rec = layer.synapse.weight.detach(), layer.neuron.recurrent.weight.detach()
    bias = layer.synapse.bias.detach() + layer.neuron.recurrent.bias.detach()
    back = (head.feedback if feedback == "random" else head.weight).detach()
    d_in, d_rec = torch.zeros_like(w_in), torch.zeros_like(w_rec)
    for b in range(B):
        v, z = torch.zeros(N, dtype=torch.float64), torch.zeros(N, dtype=torch.float64)
        z_out = torch.zeros(N, dtype=torch.float64)  # spikes, filtered by kappa
        x_bar, z_bar = torch.zeros(M, dtype=torch.float64), torch.zeros(N, dtype=torch.float64)
        e_in_bar, e_rec_bar = torch.zeros_like(w_in), torch.zeros_like(w_rec)
        for t in range(steps):
            x_bar = alpha * x_bar + xs[t, b]
            z_bar = alpha * z_bar + z
            v = alpha * v + w_in @ xs[t, b] + w_rec @ z + bias - threshold * z
            z = (v > threshold).double()
            psi = 1 / (1 + 5 * (v - threshold).abs()) ** 2
            z_out = kappa * z_out + z
            e_in_bar = kappa * e_in_bar + psi[:, None] * x_bar[None, :]
            e_rec_bar = kappa * e_rec_bar + psi[:, None] * z_bar[None, :]
            error = head.weight.detach() @ z_out + head.bias.detach() - targets[t, b]
            signal = back.T @ error
            d_in += signal[:, None] * e_in_bar
            d_rec += signal[:, None] * e_rec_bar
    torch.testing.assert_close(layer.synapse.weight.grad, d_in, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(layer.neuron.recurrent.weight.grad, d_rec, rtol=1e-10, atol=1e-10)
    assert d_rec.abs().max() > 0.1


def test_outputs_are_those_of_the_plain_layers():
    layer = layer_of("RSynaptic", output=True)
    xs, _ = inputs_and_signals(9)
    state = None
    for x in xs:
        spk, syn, mem = layer(x)
        _, state = layer.neuron.step(layer.synapse(x), state)
        for result, plain in zip((spk, syn, mem), state, strict=True):
            assert torch.equal(result, plain)


def test_the_kept_state_does_not_grow_with_the_steps():
    layer, sizes = layer_of("RSynaptic"), set()
    for x in inputs_and_signals(30)[0]:
        layer(x).sum().backward()
        sizes.add(sum(part.numel() for part in layer._kept if isinstance(part, torch.Tensor)))
    constants = 2 * B * N * 2  # traces of alpha and beta in two states
    assert sizes == {3 * B * N + 2 * B * N * (M + 1 + N + 1) + constants}


@pytest.mark.parametrize("frozen", ["synapse", "neuron.recurrent", "neuron.beta"])
def test_fixed_parameters_have_no_gradient_and_change_no_other(frozen):
    xs, signals = inputs_and_signals(9)
    whole = learn(layer_of("RLeaky, all learned"), xs, signals)
    layer = layer_of("RLeaky, all learned")
    for name, parameter in layer.named_parameters():
        parameter.requires_grad_(not name.startswith(frozen))
    for name, grad in learn(layer, xs, signals).items():
        assert grad is None if name.startswith(frozen) else torch.allclose(grad, whole[name], rtol=1e-11, atol=1e-11)


@pytest.mark.exhaustive
def test_it_learns_to_follow_a_pattern_online():
    torch.manual_seed(0)
    neuron = snn.RLeaky(0.9, linear_features=20, init_hidden=True)
    net = nn.Sequential(EPropLayer(nn.Linear(6, 20), neuron, output_decay=0.8), nn.Linear(20, 1))
    xs = (torch.rand(40, 1, 6) < 0.3).float()
    pattern = torch.linspace(0, 6.28, 40).sin().reshape(40, 1, 1)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    curve = []
    for _ in range(60):
        snn.utils.reset(net)
        optimizer.zero_grad()
        total = 0.0
        for x, y in zip(xs, pattern, strict=True):
            loss = nn.functional.mse_loss(net(x), y) / 40
            loss.backward()
            total += float(loss.detach())
        curve.append(total)
        optimizer.step()
    assert curve[-1] < 0.3 * curve[0]


def test_random_feedback_replaces_the_weights_only_on_the_way_back():
    torch.manual_seed(0)
    layer, plain = RandomFeedbackLinear(4, 3).double(), nn.Linear(4, 3).double()
    plain.load_state_dict({name: value for name, value in layer.state_dict().items() if name != "feedback"})
    x = torch.randn(2, 5, 4, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 5, 3, dtype=torch.float64)
    (layer(x) * weights).sum().backward()
    torch.testing.assert_close(x.grad, weights @ layer.feedback)
    (plain(x.detach()) * weights).sum().backward()
    assert torch.equal(layer(x), plain(x))
    torch.testing.assert_close(layer.weight.grad, plain.weight.grad)
    torch.testing.assert_close(layer.bias.grad, plain.bias.grad)


def test_random_feedback_is_drawn_from_the_generator_and_saved():
    drawn_twice = [RandomFeedbackLinear(400, 100, generator=torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(drawn_twice[0].feedback, drawn_twice[1].feedback)
    assert float(drawn_twice[0].feedback.std()) == pytest.approx(1 / 20, rel=0.02)
    assert "feedback" in drawn_twice[0].state_dict()
    assert [name for name, _ in drawn_twice[0].named_parameters()] == ["weight", "bias"]


def test_random_feedback_lies_where_the_weights_lie():
    generator = torch.Generator()
    with torch.device("meta"):
        layer = RandomFeedbackLinear(3, 2, generator=generator)
    assert layer.weight.is_meta
    assert layer.feedback.is_meta


ROUNDING = 2**-6  # of 8 bits, in some products one after the other


@pytest.mark.parametrize("inside", [False, True], ids=["backward after it", "backward within it"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("before", [None, nn.Linear, RandomFeedbackLinear], ids=str)
@pytest.mark.parametrize("after", [None, nn.Linear, RandomFeedbackLinear], ids=str)
def test_random_feedback_under_autocast_is_rounded_and_no_more(before, after, bias, inside):
    layers = [*([before(7, 7)] if before else []), RandomFeedbackLinear(7, 5, bias), *([after(5, 5)] if after else [])]
    net, data, upstream = nn.Sequential(*layers), torch.randn(3, 4, 7), torch.randn(3, 4, 5)
    results = []
    for enabled in (False, True):
        x = data.clone().requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            out = net(x)
            loss = (out * upstream).sum()
            if inside:
                loss.backward()
        if not inside:
            loss.backward()
        results.append([out.detach(), x.grad, *(p.grad for p in net.parameters())])
        net.zero_grad()
    for exact, rounded in zip(*results, strict=True):
        assert (exact - rounded).norm() <= ROUNDING * exact.norm()


def test_random_feedback_under_autocast_has_the_dtype_of_a_linear_layer():
    x = torch.randn(3, 7, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = RandomFeedbackLinear(7, 5)(x)
        assert out.dtype == nn.Linear(7, 5)(x).dtype == torch.bfloat16
    out.sum().backward()
    assert x.grad.dtype == torch.float32


def test_eprop_under_autocast_is_rounded_and_no_more():
    torch.manual_seed(0)
    neuron = snn.RLeaky(0.99, linear_features=N, threshold=1e6, init_hidden=True, output=True, learn_beta=True)
    layer, xs, results = EPropLayer(nn.Linear(M, N), neuron), torch.rand(601, B, M), []
    for enabled in (False, True):
        snn.utils.reset(layer)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            for x in xs:
                _, mem = layer(x)
        layer.zero_grad()
        mem.square().sum().backward()
        results.append([mem.detach(), layer.synapse.weight.grad, layer.synapse.bias.grad, neuron.beta.grad])
    for exact, rounded in zip(*results, strict=True):
        assert (exact - rounded).norm() <= ROUNDING * exact.norm()
