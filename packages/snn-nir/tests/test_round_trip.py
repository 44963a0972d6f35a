"""Network, graph, file, graph, network: the same spikes and states, for random networks of everything there is."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import snn_core as snn
from snn_nir import NIRError, from_nir
from snn_nir.exporting import to_nir
from snn_nir.files.writing import write

from .exportable import CASES, FEATURES, build_neuron

pytestmark = pytest.mark.exhaustive

STEPS = 200
DTYPES = (torch.float32, torch.float64)

repeatable = settings(derandomize=True, deadline=None, database=None, max_examples=60)


def through_a_file(net: nn.Module, x: torch.Tensor, path: Any, **options: Any) -> Any:
    write(to_nir(net, x, **options), path)
    return from_nir(path)


def kept_states(net: nn.Module) -> list[torch.Tensor]:
    """The states of every neuron, in the order of the modules."""
    states = [m._kept for m in net.modules() if isinstance(m, snn.SpikingNeuron)]
    return [state for states in states if states is not None for state in states]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", ["euler", "exact"])
@pytest.mark.parametrize("case", CASES)
def test_every_neuron_comes_back_with_its_spikes_and_states(case, method, dtype, tmp_path):
    torch.manual_seed(11)
    neuron = build_neuron(case).to(dtype)
    xs = torch.rand(STEPS, 3, FEATURES, dtype=dtype)
    back = through_a_file(neuron, xs[0], tmp_path / "net.nir", method=method)
    (twin,) = (m for m in back.modules() if isinstance(m, snn.SpikingNeuron))
    assert type(twin) is type(neuron)
    with torch.no_grad():
        expected, result = snn.unroll(neuron, xs), snn.unroll(back, xs)
    assert result.dtype == dtype
    assert result.equal(expected)
    assert expected.any() or "memory" in case
    for ours, reference in zip(kept_states(neuron), kept_states(back), strict=True):
        assert reference.equal(ours)
    constants = ["alpha", "threshold", "graded_spikes_factor", "reset_mechanism", "spike_grad"]
    constants += ["reset_delay"] if neuron.reset_mechanism != "none" else []
    for name in [*constants, *(("R", "C", "time_step") if isinstance(neuron, snn.Lapicque) else ("beta",))]:
        value, other = getattr(neuron, name, None), getattr(twin, name, None)
        if isinstance(value, torch.Tensor):
            value, other = (v.clamp(0, 1) if name in ("alpha", "beta") else v for v in (value, other))
            assert other.shape == value.shape
            assert other.equal(value)
        else:
            assert other == value


class Residual(nn.Module):
    """A block beside a scaled copy of its input."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.block = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 0.5 * x + self.block(x)


@st.composite
def networks(draw: Any) -> tuple[nn.Module, tuple[int, ...]]:
    """A chain of layers with neurons between, some of them convolutional, some in nested blocks."""
    layers: list[nn.Module] = []
    if draw(st.booleans()):
        channels, kernel = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, (3, 1)]))
        shape = (channels, 6, 5)
        groups = draw(st.sampled_from([1, channels]))
        conv = nn.Conv2d(channels, 3 * channels, kernel, groups=groups, bias=draw(st.booleans()))
        layers += [conv, nn.BatchNorm2d(3 * channels)][: draw(st.integers(1, 2))]
        layers.append(draw(conv_neurons(3 * channels)))
        layers += draw(st.sampled_from([[], [nn.AvgPool2d(2)], [nn.AvgPool2d((3, 2), (1, 2), (1, 0))], [nn.Dropout()]]))
        layers.append(nn.Flatten())
        width = nn.Sequential(*layers).eval()(torch.zeros(1, *shape)).shape[1]
        snn.utils.reset(nn.Sequential(*layers))
    else:
        width = draw(st.integers(1, 5))
        shape = (width,)
    for _ in range(draw(st.integers(1, 3))):
        block: list[nn.Module] = [nn.Linear(width, FEATURES, bias=draw(st.booleans()))]
        block += draw(st.sampled_from([[], [nn.BatchNorm1d(FEATURES)], [nn.Identity()], [snn.GradedSpikes(FEATURES)]]))
        block.append(
            build_neuron(draw(st.sampled_from(sorted(CASES))), threshold=draw(st.sampled_from([0.5, 1.0, 0.25])))
        )
        kinds = [lambda *b: [*b], lambda *b: [nn.Sequential(*b)], lambda *b: [Residual(*b)]]
        layers += draw(st.sampled_from(kinds[: 3 if width == FEATURES else 2]))(*block)
        width = FEATURES
    return nn.Sequential(*layers), shape


def conv_neurons(channels: int) -> st.SearchStrategy[nn.Module]:
    beta = torch.linspace(0.3, 1.0, channels).reshape(-1, 1, 1)
    options = st.fixed_dictionaries(
        {"reset_mechanism": st.sampled_from(["zero", "subtract", "none"]), "reset_delay": st.booleans()}
    )
    return st.one_of(
        options.map(lambda o: snn.Leaky(beta, threshold=0.4, init_hidden=True, **o)),
        options.map(lambda o: snn.Synaptic(0.5, beta, init_hidden=True, **o)),
        options.map(lambda o: snn.RLeaky(0.8, conv2d_channels=channels, kernel_size=3, init_hidden=True, **o)),
    )


@repeatable
@given(
    made_net=networks(), dtype=st.sampled_from(DTYPES), method=st.sampled_from(["euler", "exact"]), seed=st.integers(0)
)
def test_random_networks_come_back_with_every_spike_and_state(tmp_path_factory, made_net, dtype, method, seed):
    net, shape = made_net
    torch.manual_seed(seed % 2**31)
    net = net.to(dtype).eval()
    for module in net.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.reset_parameters()
    xs = 3 * torch.rand(STEPS, 2, *shape, dtype=dtype)
    back = through_a_file(net, xs[0], tmp_path_factory.mktemp("nets") / "net.nir", method=method)
    folded = any(isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) for m in net.modules())
    with torch.no_grad():
        expected, result = looped_with_states(net, xs), looped_with_states(back, xs)
    for (ours, our_states), (reference, their_states) in zip(expected, result, strict=True):
        assert reference.equal(ours)
        for own, other in zip(our_states, their_states, strict=True):
            torch.testing.assert_close(other, own, rtol=1e-4 if folded else 0, atol=1e-4 if folded else 0)


def looped_with_states(net: nn.Module, xs: torch.Tensor) -> list[tuple[torch.Tensor, list[torch.Tensor]]]:
    snn.utils.reset(net)
    return [(net(x), kept_states(net)) for x in xs]


def test_a_network_that_cannot_be_exported_leaves_no_file(tmp_path):
    net = nn.Sequential(nn.Linear(3, 4), snn.Leaky(0.9, init_hidden=True), nn.MaxPool1d(2))
    with pytest.raises(NIRError, match="NIR401: '2'"):
        through_a_file(net, torch.zeros(1, 3), tmp_path / "net.nir")
    assert list(tmp_path.iterdir()) == []


def test_tied_weights_and_what_is_learned_come_back(tmp_path):
    net = nn.Sequential(
        nn.Linear(3, 3),
        snn.Leaky(0.9, init_hidden=True, learn_beta=True, spike_grad=snn.surrogate.fast_sigmoid(10)),
        nn.Linear(3, 3),
        snn.RLeaky(0.5, linear_features=3, init_hidden=True, learn_threshold=True),
    )
    net[2].weight = net[0].weight
    back = through_a_file(net, torch.zeros(1, 3), tmp_path / "net.nir")
    assert back["2"].weight is back["0"].weight
    assert back["2"].bias is not back["0"].bias
    assert isinstance(back["1"].beta, nn.Parameter)
    assert not isinstance(back["1"].threshold, nn.Parameter)
    assert isinstance(back["3"].threshold, nn.Parameter)
    assert back["1"].spike_grad == snn.surrogate.fast_sigmoid(10)
    assert back["3"].recurrent.weight.equal(net[3].recurrent.weight)


def test_the_imported_network_learns_as_the_exported_one(tmp_path):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(3, 5), snn.Leaky(0.9, init_hidden=True), nn.Linear(5, 2), snn.Leaky(0.8, init_hidden=True)
    )
    net = net.double()
    xs = torch.rand(20, 2, 3).double()
    back = through_a_file(net, xs[0], tmp_path / "net.nir")
    for module in (net, back):
        snn.unroll(module, xs).sum().backward()
    for name in ("0", "2"):
        assert net[int(name)].weight.grad.any()
        torch.testing.assert_close(back[name].weight.grad, net[int(name)].weight.grad)
