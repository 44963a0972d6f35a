"""A neuron that returns a tuple in the middle of an ``nn.Sequential``, which passes it on, says so itself."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

from .zoo import WHOLE

X = torch.full((3, 5), 1.5)
FORGOTTEN = "init_hidden=False", "build it with init_hidden=True"
OUTPUT = "output=True", "output=True is for the last neuron"
SETTINGS = [({}, FORGOTTEN), ({"init_hidden": True, "output": True}, OUTPUT)]
settings = pytest.mark.parametrize(("options", "expected"), SETTINGS, ids=["init_hidden", "output"])
LAYERS = {
    "Linear": nn.Linear(5, 4),
    "Conv1d": nn.Conv1d(3, 2, 3),
    "Flatten": nn.Flatten(),
    "Dropout": nn.Dropout(),
    "Leaky": snn.Leaky(beta=0.5, init_hidden=True),
    "RLeaky": snn.RLeaky(beta=0.5, linear_features=5),
    "StateLeaky": snn.StateLeaky(beta=0.5, channels=5),
    "ParametrizedLinear": nn.utils.parametrizations.weight_norm(nn.Linear(5, 4)),
}


def sentence(path: str, behind: str, kind: str, expected: tuple[str, str], neuron: str = "Leaky") -> str:
    why, remedy = expected
    return re.escape(f"{path!r} ({neuron}) has {why} and returns a tuple to {behind!r} ({kind}); {remedy}") + "$"


@settings
@pytest.mark.parametrize("kind", LAYERS)
def test_a_tuple_is_refused_before_a_layer_gets_it(
    kind: str, options: dict[str, Any], expected: tuple[str, str]
) -> None:
    net = nn.Sequential(nn.Linear(5, 5), snn.Leaky(beta=0.9, **options), LAYERS[kind])
    for _ in range(3):  # the same each time
        with pytest.raises(TypeError, match=sentence("1", "2", kind, expected)):
            net(X)


def test_a_tuple_of_a_neuron_that_keeps_its_state_or_of_a_whole_sequence_is_explained_too() -> None:
    net = nn.Sequential(snn.Synaptic(alpha=0.5, beta=0.9), nn.Linear(5, 4))
    snn.utils.reset(net)
    net[0].reset_mem()
    with pytest.raises(TypeError, match=sentence("0", "1", "Linear", FORGOTTEN, "Synaptic")):
        net(X)
    net = nn.Sequential(snn.StateLeaky(beta=0.5, channels=5, output=True), nn.Linear(5, 4))
    with pytest.raises(TypeError, match=sentence("0", "1", "Linear", OUTPUT, "StateLeaky")):
        net(X.expand(7, 3, 5))


class Unpacks(nn.Module):
    """Fails to take apart what it gets."""

    def forward(self, x: Any) -> Any:
        raise TypeError(f"takes no tuple, {type(x)}")


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_sequence_that_returns_one_tensor_stands_before_any_layer(name: str) -> None:
    layer, xs = WHOLE[name](), torch.randn(7, 3, 5)
    if len(layer.output_names) > 1:
        layer.output = False
    out = layer(xs)
    linear = nn.Linear(out.shape[-1], 2)
    for behind in (linear, nn.Sequential(linear)):
        assert torch.equal(nn.Sequential(layer, behind)(xs), linear(out))
        torch.testing.assert_close(snn.unroll(nn.Sequential(layer, behind), xs), linear(out))
    with pytest.raises(TypeError, match="takes no tuple") as error:
        snn.unroll(nn.Sequential(layer, Unpacks()), xs)
    assert not hasattr(error.value, "__notes__")


@settings
def test_paths_are_those_in_the_outermost_sequence(options: dict[str, Any], expected: tuple[str, str]) -> None:
    lif = snn.Leaky(beta=0.9, **options)
    nested = {
        ("1.0", "1.1"): nn.Sequential(nn.Linear(5, 5), nn.Sequential(lif, nn.Linear(5, 2))),
        ("0.1", "1"): nn.Sequential(nn.Sequential(nn.Linear(5, 5), lif), nn.Linear(5, 2), nn.Linear(2, 2)),
        ("1.0.0", "1.1"): nn.Sequential(nn.ReLU(), nn.Sequential(nn.Sequential(lif), nn.Linear(5, 2)), nn.ReLU()),
    }
    for (path, behind), net in nested.items():
        with pytest.raises(TypeError, match=sentence(path, behind, "Linear", expected)):
            net(X)
    inside = nn.Sequential(lif, nn.Sequential(nn.Linear(5, 2)))
    with pytest.raises(TypeError, match=sentence("0", "1", "Sequential", expected)):
        inside(X)
    named = nn.Sequential()
    named.add_module("fire", lif)
    named.add_module("head", nn.Linear(5, 2))
    with pytest.raises(TypeError, match=sentence("fire", "head", "Linear", expected)):
        named(X)


@settings
def test_a_neuron_that_comes_twice_is_refused_where_it_is_not_last(
    options: dict[str, Any], expected: tuple[str, str]
) -> None:
    lif = snn.Leaky(beta=0.9, **options)
    with pytest.raises(TypeError, match=sentence("0", "1", "Linear", expected)):
        nn.Sequential(lif, nn.Linear(5, 5), lif)(X)


class Spikes(nn.Module):
    """Takes the tuple."""

    def forward(self, out: tuple[Tensor, Tensor]) -> Tensor:
        spk, _ = out
        return spk


class SpikesAlone(snn.Leaky):
    """Returns no tuple."""

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        return super().forward(*args, **kwargs)[0]


@settings
def test_a_tuple_goes_to_a_layer_that_takes_one(options: dict[str, Any], expected: tuple[str, str]) -> None:
    def lif() -> snn.Leaky:
        return snn.Leaky(beta=0.9, **options)

    head = nn.Linear(5, 2)
    hooked, unpacked = lif(), nn.Linear(5, 2)
    hooked.register_forward_hook(lambda _, args, out: out[0])
    unpacked.load_state_dict(head.state_dict())
    unpacked.register_forward_pre_hook(lambda _, args: args[0][0])
    own = SpikesAlone(beta=0.9, **options)
    exchanged = copy.deepcopy(head)
    exchanged.forward = lambda out, forward=exchanged.forward: forward(out[0])
    nets = [
        nn.Sequential(lif(), exchanged),
        nn.Sequential(lif(), Spikes(), head),
        nn.Sequential(nn.Sequential(lif(), nn.Identity()), nn.Sequential(Spikes(), head)),
        nn.Sequential(hooked, head),
        nn.Sequential(lif(), unpacked),
        nn.Sequential(own, head),
    ]
    for net in nets:
        assert torch.equal(net(X), head(torch.ones(3, 5)))


@settings
def test_the_last_neuron_returns_its_tuple(options: dict[str, Any], expected: tuple[str, str]) -> None:
    for net in (
        nn.Sequential(nn.ReLU(), snn.Leaky(beta=0.9, **options)),
        nn.Sequential(nn.Sequential(nn.ReLU(), snn.Leaky(beta=0.9, **options)), nn.Sequential(), nn.Identity()),
    ):
        spk, mem = net(X)
        assert torch.equal(spk, torch.ones(3, 5))
        assert torch.equal(mem, X)


def test_compiled_the_last_neuron_returns_its_tuple_in_one_graph() -> None:
    torch._dynamo.reset()
    for options, _ in SETTINGS:
        net = torch.compile(nn.Sequential(nn.ReLU(), snn.Leaky(beta=0.9, **options)), backend="eager", fullgraph=True)
        assert torch.equal(net(X)[1], X)
