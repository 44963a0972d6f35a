"""Conversion of networks: rates against closed forms, and nets of every supported kind."""

import copy
import math
import pickle
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize, prune

import snn_core as snn
from snn_functional import QCFS, energy, from_ann
from snn_functional._conversion.balancing import balanced
from snn_functional._conversion.folding import folded
from snn_functional._conversion.neurons import CountedMaxPool, integrate_and_fire
from snn_functional._conversion.tracing import traced

from .converted import NETS, Own, dense, own, randomize
from .untouched import everything, same, training


def mean_output(net, x, steps):
    """Return the mean output of a net that gets a sample in every step."""
    with torch.no_grad():
        return snn.unroll(net, x.expand(steps, *x.shape)).mean(0)


def off(net, ann, x, steps):
    with torch.no_grad():
        return (mean_output(net, x, steps) - ann.eval()(x)).abs().max().item()


@pytest.mark.parametrize("steps", [1, 2, 7, 8, 33, 100])
@pytest.mark.parametrize("threshold", [0.7, 1.0, 3.0])
def test_a_neuron_fires_as_often_as_its_closed_form_says(threshold, steps):
    x = torch.linspace(-0.5, 1.5, 201, dtype=torch.float64) * threshold + 1e-4
    neuron = integrate_and_fire(threshold).double()
    spikes = snn.unroll(neuron, x.expand(steps, 1, 201)).sum(0)[0]
    assert torch.equal(spikes, torch.floor(steps * x / threshold + 0.5).clamp(0, steps))


def test_a_membrane_at_the_threshold_does_not_fire():
    # half a threshold and 1/4 in each of two steps; 3/4 in each of two steps is one and a half, of which one is given
    neuron = integrate_and_fire(1.0)
    assert snn.unroll(neuron, torch.tensor([0.25, 0.75]).expand(2, 1, 2)).sum(0).tolist() == [[0, 1]]


def test_an_amplitude_changes_what_is_sent_and_not_when():
    x = torch.rand(40, 3, 5, generator=torch.Generator().manual_seed(0))
    plain, graded = (snn.unroll(integrate_and_fire(0.5, amplitude), x) for amplitude in (1.0, 4.0))
    assert torch.equal(4 * plain, graded)


@settings(max_examples=150)
@given(
    samples=st.integers(1, 1030),
    features=st.integers(1, 3),
    percentile=st.sampled_from([100, 99.99, 99.9, 99.5, 99.3, 99, 97.7, 95, 90, 66.6, 50, 33.3, 10, 0.1]),
    ties=st.booleans(),
)
def test_a_threshold_is_the_smallest_value_that_a_percentage_does_not_exceed(samples, features, percentile, ties):
    x = torch.randperm(samples * features, generator=torch.Generator().manual_seed(samples)).double() + 1
    x = (x / 7).ceil() if ties else x
    ann = traced(nn.Sequential(nn.ReLU()), x.reshape(samples, features), "from_ann")
    threshold = balanced(ann, ["0"], x.reshape(samples, features), percentile)["0"]
    share = Fraction(str(percentile)) * x.numel()
    assert 100 * int((x <= threshold).sum()) >= share
    assert 100 * int((x < threshold).sum()) < share
    assert threshold in x


@pytest.mark.parametrize("samples", [999, 1000, 1001, 2000, 3000, 10_000])
def test_the_default_percentile_leaves_out_one_in_a_thousand(samples):
    x = torch.arange(1.0, samples + 1).unsqueeze(1)
    _, report = from_ann(nn.ReLU(), x[torch.randperm(samples)], num_steps=1)
    assert report.layers[0].threshold == samples - samples // 1000


def chain(weights, biases):
    layers = [nn.Linear(1, 1).double() for _ in weights]
    for layer, weight, bias in zip(layers, weights, biases, strict=True):
        layer.weight.data.fill_(weight)
        layer.bias.data.fill_(bias)
    return nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU())))


def test_rates_on_a_linear_chain_converge_by_one_over_the_steps():
    weights, biases = [0.9, 0.7, 1.3, 0.8], [0.05, 0.1, 0.03, 0.2]
    ann = chain(weights, biases)
    x = torch.linspace(0.01, 1, 57, dtype=torch.float64)[:, None]
    net, report = from_ann(ann, x, method="max")
    thresholds = [layer.threshold for layer in report.layers[:-1]]
    for steps in (8, 16, 64, 256, 1024):
        counts, activation, bound = None, x, 0.0
        for weight, bias, threshold in zip(weights, biases, thresholds, strict=True):
            # what has come in; each neuron can send all of it, as no activation is above the largest one
            current = weight * (steps * x if counts is None else counts) + steps * bias
            counts = threshold * torch.floor(current / threshold + 0.5)
            activation = weight * activation + bias
            bound = weight * bound + threshold / (2 * steps)
        out = mean_output(net, x, steps)
        assert (out - activation).abs().max() <= bound + 1e-9
        torch.testing.assert_close(out, counts / steps, rtol=0, atol=1e-9)
    errors = [off(net, ann, x, steps) * steps for steps in (16, 64, 256, 1024)]
    assert max(errors) <= sum(thresholds) / 2 * 1.3
    assert min(errors) > 0.1 * max(errors)  # and no faster


@pytest.mark.parametrize("name", NETS)
def test_the_output_of_a_net_converges_to_that_of_its_network(name):
    ann, x = NETS[name]()
    net, report = from_ann(ann, x, method="max", num_steps=(8, 64, 512))
    errors = [off(net, ann, x, steps) for steps in (8, 64, 512)]
    assert errors[2] < errors[0] / 20
    assert errors[2] < 0.02
    assert all(layer.clipped == 0 for layer in report.layers[:-1])
    assert all(layer.correlation[512] > 0.999 for layer in report.layers)


@pytest.mark.parametrize("name", NETS)
def test_a_folded_network_gives_what_the_network_gives(name):
    ann, x = NETS[name]()
    ann, x = ann.double().eval(), x.double()
    graph = folded(traced(ann, x, "from_ann"))
    assert not any(isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d | nn.Dropout) for m in graph.modules())
    torch.testing.assert_close(graph(x), ann(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layer", [nn.Linear(4, 3), nn.Linear(4, 3, bias=False), nn.Conv1d(4, 3, 2, bias=False)])
def test_a_normalization_without_weights_is_folded(layer):
    ann = randomize(nn.Sequential(layer, nn.BatchNorm1d(3, affine=False), nn.ReLU(), nn.Flatten())).double().eval()
    x = torch.rand(7, 4, *([5] if isinstance(layer, nn.Conv1d) else []), dtype=torch.float64)
    graph = folded(traced(ann, x, "from_ann"))
    assert not any(isinstance(m, nn.BatchNorm1d) for m in graph.modules())
    torch.testing.assert_close(graph(x), ann(x), rtol=1e-12, atol=1e-12)


class Named(nn.Module):
    """Activations with the names of methods and of the input."""

    def __init__(self):
        super().__init__()
        self.first, self.view, self.x, self.last = nn.Linear(4, 4), nn.ReLU(), nn.ReLU(), nn.Linear(4, 3)

    def forward(self, x):
        return self.last(self.x(self.view(self.first(x).view(-1, 4)).view(-1, 4)) + x)


def test_names_of_layers_may_be_those_of_methods():
    ann = randomize(Named())
    x = torch.rand(30, 4, generator=torch.Generator().manual_seed(0))
    net, _ = from_ann(ann, x, method="max", num_steps=2)
    assert off(net, ann, x, 512) < 0.02


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ((nn.BatchNorm2d(2), nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.Flatten()), (2, 5, 5)),
        ((nn.Conv1d(2, 3, 3), nn.ReLU(), nn.AvgPool1d(2), nn.BatchNorm1d(3, affine=False), nn.Flatten()), (2, 9)),
        ((nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Flatten()), (5, 4)),
    ],
    ids=["before padding", "behind pooling", "over three axes"],
)
def test_a_normalization_that_cannot_be_folded_stays(layers, shape):
    ann = randomize(nn.Sequential(*layers)).double()
    x = torch.rand(20, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    net, _ = from_ann(ann, x, method="max", num_steps=8)
    assert any(isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) for m in net.modules())
    assert off(net, ann, x, 512) < 0.01


class Sums(nn.Module):
    """Sums of signals of several units: two activations, one and the input, one and what weights give."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4, bias=False)

    def forward(self, x):
        both = F.relu(self.a(x)) + F.relu(self.b(x))
        return torch.cat([F.relu(x + self.c(both)), torch.relu(x) + x], 1)


def test_sums_of_signals_of_several_units_converge():
    ann = randomize(Sums()).double()
    x = torch.rand(40, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    net, report = from_ann(ann, x, method="max", num_steps=8)
    errors = [off(net, ann, x, steps) for steps in (16, 64, 512)]
    assert errors[2] < errors[0] / 10
    assert errors[2] < 0.02
    amplitudes = {name: m.graded_spikes_factor.item() for name, m in net.named_modules() if isinstance(m, snn.RLeaky)}
    thresholds = {layer.name: layer.threshold for layer in report.layers[:-1]}
    assert amplitudes["relu"] == 1
    assert amplitudes["relu_1"] == pytest.approx(thresholds["relu_1"] / thresholds["relu"])
    assert amplitudes["relu_3"] == pytest.approx(thresholds["relu_3"])  # added to the input, which is not a spike


def test_an_activation_called_twice_becomes_two_layers_with_paths_of_their_own():
    ann, x = own()
    net, report = from_ann(ann, x, num_steps=2)
    names = ["stem.1", "blocks.0.relu", "blocks.0.relu_1", "blocks.1.0.relu", "blocks.1.0.relu_1"]
    assert [layer.name for layer in report.layers] == [*names, ""]
    assert all(isinstance(net.get_submodule(name), snn.RLeaky) for name in names)
    assert net.get_submodule("blocks.1.0.second").weight.shape == (3, 3, 3, 3)
    assert type(net).__name__ == "Own"


def test_layers_behind_spikes_add_and_do_not_multiply():
    ann, x = own()
    net, _ = from_ann(ann, x, num_steps=2)
    account = energy(net, x[:3].expand(8, *x[:3].shape))
    macs = {layer.name: layer.operations["Effective_MACs"] for layer in account.layers}
    weighted = [name for name, m in net.named_modules() if isinstance(m, nn.Conv2d)]
    assert macs[weighted[0]] > 0
    assert [macs[name] for name in weighted[1:]] == [0, 0, 0, 0]  # with both blocks' sums in between


class Triangle(nn.Module):
    """A parametrization that leaves out the upper triangle."""

    def forward(self, weight):
        return weight.tril()


def parametrized_twice(layer):
    if layer.bias is not None:
        parametrize.register_parametrization(layer, "bias", nn.Tanh())
    return parametrizations.weight_norm(layer)


OWN_WEIGHTS = {
    "pruned": lambda m: prune.l1_unstructured(m, "weight", amount=0.3),
    "structured": lambda m: prune.ln_structured(m, "weight", 0.5, 2, 0),
    "twice": lambda m: prune.random_unstructured(prune.l1_unstructured(m, "weight", amount=0.3), "weight", amount=0.2),
    "bias too": lambda m: prune.l1_unstructured(
        prune.l1_unstructured(m, "weight", amount=0.3), "weight" if m.bias is None else "bias", amount=1
    ),
    "normed": nn.utils.weight_norm,
    "spectral": nn.utils.spectral_norm,
    "parametrized norm": parametrizations.weight_norm,
    "parametrized norm, bias too": parametrized_twice,
    "parametrized spectral": parametrizations.spectral_norm,
    "orthogonal": parametrizations.orthogonal,
}


def with_fixed_weights(ann, make):
    """Return a network like another one, with that network's weights as they are now."""
    fixed, _ = make()
    for path, module in fixed.named_modules():
        for name in (*module._parameters, *module._buffers):
            value = getattr(module, name)
            if value is not None:
                value.data.copy_(getattr(ann.get_submodule(path), name).detach())
    return fixed.eval()


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated")
@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("method", ["max", "qcfs"])
@pytest.mark.parametrize("kind", OWN_WEIGHTS)
@pytest.mark.parametrize("name", NETS)
def test_weights_that_are_computed_are_converted_as_they_are(name, kind, method, trained):
    ann, x = NETS[name]()
    layers = [m for m in ann.modules() if isinstance(m, nn.Linear | nn.Conv1d | nn.Conv2d)]
    for layer in layers:
        OWN_WEIGHTS[kind](layer)
    if trained:  # so that the weights of the last call are others
        optimizer = torch.optim.SGD(ann.parameters(), lr=1e-3)
        ann(x).square().mean().backward()
        optimizer.step()
    ann.eval()
    with torch.no_grad():
        expected_out = ann(x)
    fixed = with_fixed_weights(ann, NETS[name])
    before = {key: value.clone() for key, value in ann.state_dict().items()}
    with torch.no_grad():
        torch.testing.assert_close(fixed(x), expected_out)
    nets = [ann, fixed]
    if method == "qcfs":
        nets = [QCFS.replace_relu(net, x, levels=4) for net in nets]
        with torch.no_grad():
            torch.testing.assert_close(nets[0](x), nets[1](x))
    (net, report), (expected, expected_report) = (from_ann(n, x, method=method, num_steps=4) for n in nets)
    torch.testing.assert_close(net.state_dict(), expected.state_dict())
    assert [layer.threshold for layer in report.layers[:-1]] == pytest.approx(
        [layer.threshold for layer in expected_report.layers[:-1]]
    )
    torch.testing.assert_close(dict(ann.state_dict()), before, rtol=0, atol=0)
    assert any(key.endswith(("_orig", "_g")) or "parametrizations" in key for key in before)
    assert all(layer._forward_pre_hooks or parametrize.is_parametrized(layer) for layer in layers)
    with torch.no_grad():
        torch.testing.assert_close(ann(x), expected_out, rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["pruned", "parametrized norm"])
def test_activations_with_thresholds_leave_weights_computed(kind):
    ann, x = dense()
    for layer in ann.modules():
        if isinstance(layer, nn.Linear):
            OWN_WEIGHTS[kind](layer)
    net = QCFS.replace_relu(ann, x, levels=4)
    assert {name.rpartition(".")[2] for name, _ in net.named_parameters()} == {
        name.rpartition(".")[2] for name, _ in ann.named_parameters()
    } | {"threshold"}


@pytest.mark.parametrize(
    "compute",
    [
        lambda m: parametrize.register_parametrization(m, "weight", Triangle()),
        lambda m: prune.l1_unstructured(m, "weight", amount=0.7),
    ],
)
@pytest.mark.parametrize("order", [0, 1])
def test_a_weight_that_another_layer_computes_from_is_not_overwritten(compute, order):
    torch.manual_seed(3)
    pair = nn.Linear(6, 6), nn.Linear(6, 6)
    pair[1].weight = pair[0].weight
    compute(pair[order])
    ann, x = nn.Sequential(pair[0], nn.ReLU(), pair[1], nn.ReLU(), nn.Linear(6, 3)).eval(), torch.rand(50, 6)
    apart = nn.Sequential(*(nn.Linear(6, len(m.bias)) if isinstance(m, nn.Linear) else nn.ReLU() for m in ann)).eval()
    for i in (0, 2, 4):
        apart[i].weight.data.copy_(ann[i].weight)
        apart[i].bias.data.copy_(ann[i].bias)
    assert not apart[0].weight.equal(apart[2].weight)
    net, expected = (from_ann(n, x, method="max", num_steps=4).net for n in (ann, apart))
    torch.testing.assert_close(net.state_dict(), expected.state_dict())


def test_layers_that_are_copies_of_a_parametrized_one_are_converted():
    layer = parametrizations.weight_norm(nn.Linear(6, 6))
    ann = nn.Sequential(layer, nn.ReLU(), copy.deepcopy(layer), nn.ReLU(), copy.deepcopy(layer)).eval()
    x = torch.rand(50, 6, generator=torch.Generator().manual_seed(0))
    net, _ = from_ann(ann, x, method="max", num_steps=4)
    assert off(net, ann, x, 2000) < 0.01


def test_a_module_that_is_not_called_stays_what_it_is():
    class Unused(nn.Module):
        """Layers beside an attention that has parameters of the names under which torch stores computed weights."""

        def __init__(self):
            super().__init__()
            self.ann, self.unused = dense()[0], nn.MultiheadAttention(8, 2, add_bias_kv=True)

        def forward(self, x):
            return self.ann(x)

    _, x = dense()
    net, _ = from_ann(Unused(), x, method="max", num_steps=4)
    torch.testing.assert_close(
        [*net.state_dict().values()], [*from_ann(dense()[0], x, method="max", num_steps=4).net.state_dict().values()]
    )


class Keywords(nn.Module):
    """Every layer called with a keyword, or with none."""

    def __init__(self, keyword):
        super().__init__()
        self.keyword = keyword
        self.a, self.norm, self.relu, self.drop = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout(0.5)
        self.most, self.pool, self.flat = nn.MaxPool2d(2), nn.AvgPool2d(2, 1), nn.Flatten()
        self.qcfs, self.same, self.b = nn.ReLU(), nn.Identity(), nn.Linear(3, 4)

    def forward(self, x):
        def call(layer, x):
            return layer(input=x) if self.keyword else layer(x)

        for layer in (self.a, self.norm, self.relu, self.drop, self.most, self.pool, self.flat, self.same, self.b):
            x = call(layer, x)
        return self.qcfs(x)


@pytest.mark.parametrize("method", ["percentile", "max", "qcfs"])
def test_a_layer_may_be_called_with_a_keyword(method):
    x, results = torch.rand(20, 2, 6, 6), []
    for keyword in (False, True):
        ann = randomize(Keywords(keyword))
        results.append(from_ann(QCFS.replace_relu(ann, x) if method == "qcfs" else ann, x, method=method, num_steps=4))
    (net, report), (expected, expected_report) = results
    assert report == expected_report
    torch.testing.assert_close(net.state_dict(), expected.state_dict(), rtol=0, atol=0)
    xs = x.expand(5, *x.shape)
    assert torch.equal(snn.unroll(net, xs), snn.unroll(expected, xs))


def test_layers_that_share_weights_are_scaled_each_for_itself():
    shared = nn.Linear(4, 4, bias=False)
    ann = nn.Sequential(shared, nn.ReLU(), shared, nn.ReLU(), nn.Linear(4, 2))
    ann[2] = nn.Linear(4, 4, bias=False)
    ann[2].weight = shared.weight
    randomize(ann)
    x = torch.rand(30, 4, generator=torch.Generator().manual_seed(1))
    net, _ = from_ann(ann, x, method="max", num_steps=2)
    assert off(net, ann, x, 512) < 0.02


@pytest.mark.parametrize(
    ("pool", "shape"),
    [
        (nn.MaxPool2d(2), (2, 3, 6, 7)),
        (nn.MaxPool2d(3, 2, padding=1), (2, 3, 7, 7)),
        (nn.MaxPool1d(3, 1, dilation=2), (3, 2, 9)),
    ],
)
def test_sums_over_time_of_pooled_spikes_are_maxima_of_counts(pool, shape):
    xs = (torch.rand(25, *shape, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    out = snn.unroll(CountedMaxPool(pool), xs)
    assert torch.equal(out.cumsum(0), torch.stack([pool(count) for count in xs.cumsum(0)]))
    assert set(out.unique().tolist()) == {0.0, 1.0}
    # and of values that are not spikes
    xs = torch.randn(25, *shape, generator=torch.Generator().manual_seed(1)).double()
    out = snn.unroll(CountedMaxPool(pool).double(), xs)
    torch.testing.assert_close(out.sum(0), pool(xs.sum(0)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("order", [(nn.ReLU(), nn.MaxPool2d(2)), (nn.MaxPool2d(2), nn.ReLU())])
def test_maxima_before_and_behind_an_activation_converge(order):
    ann = randomize(nn.Sequential(nn.Conv2d(1, 3, 3), *order, nn.Flatten(), nn.Linear(12, 2)))
    x = torch.rand(20, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    net, _ = from_ann(ann, x, method="max", num_steps=2)
    assert off(net, ann, x, 512) < 0.01


def test_the_network_stays_as_it_is():
    ann, x = dense()
    calls = training(ann, x[None])
    before = everything(ann)
    from_ann(ann, (x, torch.arange(len(x)) % 3), num_steps=2)
    same(before, everything(ann))
    assert not calls
    assert ann.training


def test_a_converted_net_shares_no_weight_with_its_network():
    ann, x = own()
    net, _ = from_ann(ann, x, num_steps=2)
    pointers = {t.untyped_storage().data_ptr() for t in (*ann.parameters(), *ann.buffers())}
    assert not pointers & {t.untyped_storage().data_ptr() for t in (*net.parameters(), *net.buffers())}


def test_a_converted_net_runs_step_by_step_copied_pickled_and_saved(tmp_path):
    ann, x = own()
    net, _ = from_ann(ann, x, num_steps=2)
    assert all(module._kept is None for module in net.modules() if isinstance(module, snn.SpikingNeuron))
    xs = x[:5].expand(9, *x[:5].shape)
    expected = snn.unroll(net, xs)
    snn.utils.reset(net)
    assert torch.allclose(torch.stack([net(x) for x in xs]), expected, atol=1e-5)
    snn.utils.reset(net)
    assert torch.equal(snn.unroll(copy.deepcopy(net), xs), expected)
    assert torch.equal(snn.unroll(pickle.loads(pickle.dumps(net)), xs), expected)
    snn.save(tmp_path / "net.snn", net)
    other, _ = from_ann(randomize(Own(), 5), x, num_steps=2)
    snn.load(tmp_path / "net.snn", other)
    assert torch.equal(snn.unroll(other, xs), expected)


@pytest.mark.parametrize("name", NETS)
def test_a_converted_net_goes_on_learning(name):
    ann, x = NETS[name]()
    net, _ = from_ann(ann, x, num_steps=2)
    snn.unroll(net, x.expand(8, *x.shape)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in net.parameters())


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated")
@pytest.mark.parametrize("kind", OWN_WEIGHTS)
def test_frozen_weights_that_are_computed_stay_frozen(kind):
    ann, x = dense()
    linear = [m for m in ann.modules() if isinstance(m, nn.Linear)]
    for layer in linear:
        OWN_WEIGHTS[kind](layer)
    linear[0].requires_grad_(False)
    net, _ = from_ann(ann, x, num_steps=2)
    learned = [layer.weight.requires_grad for layer in net.modules() if isinstance(layer, nn.Linear)]
    assert learned == [False, *[True] * (len(linear) - 1)]


def test_frozen_weights_stay_frozen():
    ann, x = dense()
    ann[0].requires_grad_(False)
    net, _ = from_ann(ann, x, num_steps=2)
    learn = {name for name, p in net.named_parameters() if p.requires_grad}
    assert learn == {"4.weight", "6.weight", "6.bias"}


def test_float64_stays_float64():
    ann, x = own()
    net, report = from_ann(ann.double(), x.double(), num_steps=8)
    assert mean_output(net, x.double(), 3).dtype == torch.float64
    assert all(t.is_floating_point() is False or t.dtype == torch.float64 for t in net.buffers())
    single = from_ann(ann.float(), x, num_steps=8)[1]
    assert [layer.threshold for layer in single.layers[:-1]] == pytest.approx(
        [layer.threshold for layer in report.layers[:-1]], rel=1e-5
    )


def test_the_default_device_does_not_matter():
    ann, x = own()
    expected = from_ann(ann, x, num_steps=4)
    with torch.device("meta"):
        result = from_ann(ann, x, num_steps=4)
    assert result.report == expected.report
    torch.testing.assert_close(result.net.state_dict(), expected.net.state_dict(), rtol=0, atol=0)


def test_a_layer_alone_and_an_activation_as_the_output_are_converted():
    torch.manual_seed(1)
    x = torch.linspace(-1, 1, 41)[:, None]
    net, _ = from_ann(nn.ReLU(), x, method="max", num_steps=2)
    out = mean_output(net, x, 10)
    assert (out - x.relu()).abs().max() <= 1 / 20 + 1e-6
    assert math.isclose(out.max().item(), 1.0)
    net, _ = from_ann(nn.Sequential(nn.Linear(1, 2), nn.ReLU()), x, method="max", num_steps=2)
    assert net(x).unique().numel() == 2  # spikes, of the amplitude of an activation
