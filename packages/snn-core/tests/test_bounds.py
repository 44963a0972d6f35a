"""A learned constant that is bounded stays in its range and never loses its gradient."""

from __future__ import annotations

import copy
import io
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch

import snn_core as snn
from snn_core.neuron.bounds import Bounded

from .stepped_programs import Stepped, offered


def fit(lif: snn.Leaky, target: float, steps: int = 400) -> float:
    """The decay after learning to hold a membrane of 1 at ``target`` after one step."""
    optimizer = torch.optim.SGD(lif.parameters(), lr=0.5)
    for _ in range(steps):
        optimizer.zero_grad()
        (lif(torch.zeros(1, 1), torch.ones(1, 1))[1] - target).square().sum().backward()
        optimizer.step()
    return lif.beta.item()


def beyond(lif: snn.Leaky) -> snn.Leaky:
    """One optimizer step so large that it carries the decay past 1."""
    (parameter,) = lif.parameters()
    (-lif(torch.zeros(1, 1), torch.ones(1, 1))[1].sum()).backward()
    with torch.no_grad():
        parameter -= 5.0 / parameter.grad.abs() * parameter.grad
    return lif


def test_a_clamped_decay_that_left_its_range_never_returns_and_a_bounded_one_does() -> None:
    clamped = beyond(snn.Leaky(beta=0.9, learn_beta=True, reset_mechanism="none"))
    assert fit(clamped, target=0.5) > 1
    within = beyond(snn.bounded(snn.Leaky(beta=0.9, reset_mechanism="none"), "beta"))
    assert 0.9 < within.beta.item() < 1
    assert fit(within, target=0.5, steps=4000) == pytest.approx(0.5, abs=1e-3)


def test_a_constant_keeps_its_value_and_its_gradient_is_the_logistic_functions() -> None:
    lif = snn.bounded(snn.Leaky(beta=torch.tensor([0.2, 0.9])).double(), "beta", low=-1, high=1)
    assert lif.beta.tolist() == pytest.approx([0.2, 0.9], abs=1e-7)
    lif(torch.zeros(1, 2).double(), torch.ones(1, 2).double())[1].sum().backward()
    # c = 2 s - 1, dc/dr = 2 s (1 - s) with s = 0.6 and 0.95
    assert lif.parametrizations.beta.original.grad.tolist() == pytest.approx([0.48, 0.095], abs=1e-6)


def test_the_ends_are_approached_and_not_passed() -> None:
    raw = torch.tensor([-1e4, 0.0, 1e4])
    assert Bounded(low=0.25, high=0.75)(raw).tolist() == [0.25, 0.5, 0.75]


def test_a_bounded_neuron_unrolls_copies_and_loads_as_any_other() -> None:
    xs = torch.rand(6, 2, 3)
    net = torch.nn.Sequential(torch.nn.Linear(3, 3), snn.bounded(snn.Leaky(beta=0.8, init_hidden=True), "beta"))
    spk = snn.unroll(net, xs)
    assert snn.backends.explain(net, xs).kind == "layers"
    with offered(Stepped()):
        assert "stepped" in snn.backends.explain(net, xs).layers[1].how
    twin = copy.deepcopy(net)
    assert twin[1].mem.equal(net[1].mem)
    other = torch.nn.Sequential(torch.nn.Linear(3, 3), snn.bounded(snn.Leaky(beta=0.5, init_hidden=True), "beta"))
    other.load_state_dict(net.state_dict(), strict=True)
    assert snn.unroll(twin, xs).equal(spk)
    assert snn.unroll(other, xs).equal(spk)
    assert other[1].beta.item() == pytest.approx(0.8, abs=1e-6)


def pickled(module: Any) -> Any:
    return pickle.loads(pickle.dumps(module))


def saved(module: Any) -> Any:
    file = io.BytesIO()
    torch.save(module, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=False)


BOUNDED: dict[str, Callable[[], Any]] = {
    "one constant": lambda: snn.bounded(snn.Leaky(torch.tensor([0.2, 0.9, 0.5])), "beta", low=-1),
    "two ranges": lambda: snn.bounded(snn.bounded(snn.Leaky(0.8), "beta"), "threshold", low=0.5, high=2),
    "more states": lambda: snn.bounded(snn.RLeaky(0.8, linear_features=3, max_delay=2), "beta"),
    "drawn ALIF": lambda: snn.ALIF.random(3),
    "drawn AdLIF": lambda: snn.AdLIF.random(3),
    "drawn SEAdLIF": lambda: snn.SEAdLIF.random(3),
    "drawn SiLIF": lambda: snn.SiLIF.random(3),
    "drawn CSiLIF": lambda: snn.CSiLIF.random(3),
    "drawn RF": lambda: snn.RF.random(3),
    "drawn BRF": lambda: snn.BRF.random(3),
}


@pytest.mark.parametrize("duplicate", [pickled, saved, copy.deepcopy, copy.copy])
@pytest.mark.parametrize("make", BOUNDED.values(), ids=BOUNDED)
def test_a_bounded_neuron_is_pickled_and_copied_like_any_other(make: Callable[[], Any], duplicate: Any) -> None:
    neuron, xs = make(), 3 * torch.rand(6, 2, 3)
    neuron.init_hidden = True
    with torch.no_grad():
        for parameter in neuron.parameters():
            parameter += 0.01
    with torch.no_grad():
        snn.unroll(neuron, xs[:3])
    twin = duplicate(neuron)
    assert (type(twin).__name__, repr(twin)) == (type(neuron).__name__, repr(neuron))
    named, twins = dict(neuron.named_parameters()), dict(twin.named_parameters())
    assert named.keys() == twins.keys()
    assert all(torch.equal(named[name], twins[name]) for name in named)
    results = []
    for each in (neuron, twin):
        spk = snn.unroll(each, xs[3:], resume=True)
        each.zero_grad()
        spk.sum().backward()
        results.append((spk, *(p.grad.clone() for p in each.parameters() if p.grad is not None)))
    assert len(results[0]) > 1
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_a_pickled_net_with_bounded_neurons_is_saved_by_its_weights_too() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(3, 3), snn.ALIF.random(3, init_hidden=True))
    twin, fresh = pickled(net), torch.nn.Sequential(torch.nn.Linear(3, 3), snn.ALIF.random(3, init_hidden=True))
    fresh.load_state_dict(twin.state_dict())
    assert fresh[1].beta.equal(net[1].beta)


@pytest.mark.parametrize("beta", [0.0, 1.0, math.inf])
def test_a_value_on_or_beyond_an_end_is_refused_and_changes_nothing(beta: float) -> None:
    lif = snn.Leaky(beta=beta, learn_beta=True)
    with pytest.raises(ValueError, match=r"between 0.0 and 1.0, both excluded, got"):
        snn.bounded(lif, "threshold" if beta == 1 else "beta")
    assert type(lif) is snn.Leaky
    assert lif.beta.item() == beta


@pytest.mark.parametrize("names", [(), ("tau",), ("beta", "tau")])
def test_unknown_constants_are_refused_and_the_known_ones_listed(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"constants of Leaky \(.*threshold.*beta.*\), got"):
        snn.bounded(snn.Leaky(beta=0.5), *names)


def test_a_constant_named_twice_is_bounded_once() -> None:
    lif = snn.bounded(snn.Leaky(beta=0.5, threshold=0.25), "beta", "threshold", "beta")
    assert sorted(name for name, _ in lif.named_parameters()) == [
        "parametrizations.beta.original",
        "parametrizations.threshold.original",
    ]
    assert lif.beta.item() == 0.5


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda neuron: pickle.loads(pickle.dumps(neuron))])
def test_a_copy_goes_on_learning_in_its_own_ranges(duplicate: Callable[[Any], Any]) -> None:
    lif = snn.bounded(snn.Leaky(beta=0.8, threshold=0.5), "beta", low=0.25)
    twin = duplicate(lif)
    assert type(twin).__name__ == "Leaky"
    snn.bounded(twin, "threshold", high=2)
    twin.unroll(torch.rand(6, 2, 3))[0].sum().backward()
    with torch.no_grad():
        twin.parametrizations.beta.original -= 1e3
    assert (lif.threshold.item(), twin.beta.item()) == (0.5, 0.25)
    assert lif.beta.item() == pytest.approx(0.8, abs=1e-6)


def test_a_layer_of_delays_with_a_range_is_pickled() -> None:
    layer = snn.bounded(snn.AxonalDelay(5, torch.tensor([0.5, 2.0])), "delay", high=5.0)
    twin = pickle.loads(pickle.dumps(layer))
    xs = torch.rand(7, 3, 2)
    assert torch.equal(snn.unroll(torch.nn.Sequential(twin), xs), snn.unroll(torch.nn.Sequential(layer), xs))


def test_a_range_without_values_is_built() -> None:
    with torch.device("meta"):
        assert snn.bounded(snn.Leaky(beta=0.5), "beta").beta.is_meta


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(ValueError, match="high must be greater than low"):
        Bounded(low=1, high=1)
