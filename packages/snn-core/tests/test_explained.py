"""The kernel that ``explain`` names for a layer is the one that then runs it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core import kernels, surrogate
from snn_core.neuron import choice

from .stepped_programs import Stepped, offered


class Spied(Stepped):
    """An engine that takes single and double precision only."""

    name = "spied"

    def refuses(self, program: kernels.StepProgram, dtype: torch.dtype) -> str | None:
        return "another precision" if dtype not in (torch.float32, torch.float64) else None


@pytest.fixture
def spied() -> Iterator[Spied]:
    engine = Spied()
    with offered(engine):
        yield engine


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 4)
        self.a = snn.Leaky(beta=torch.rand(4), init_hidden=True)
        self.b = snn.Synaptic(alpha=torch.rand(4), beta=0.5, init_hidden=True, output=True)
        self.second = nn.Linear(8, 3)
        self.c = snn.Leaky(beta=0.9, threshold=torch.rand(3), init_hidden=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x.view(-1, 6))
        b = self.b(x)
        return self.c(self.second(torch.cat([self.a(x), b[2]], 1)))


def wide(**options: Any) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 4), snn.Leaky(beta=torch.rand(4), init_hidden=True, **options))


def by_channel() -> nn.Module:
    betas = [torch.rand(2, 1, 1), torch.rand(3, 1, 1), torch.rand(2)]
    a, b, c = (snn.Leaky(beta=beta, init_hidden=True) for beta in betas)
    return nn.Sequential(
        nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 2, 2), a, nn.Conv2d(2, 3, 1), b, nn.Flatten(), nn.Linear(6, 2), c
    )


NETS: dict[str, Callable[[], nn.Module]] = {
    "a constant a neuron": wide,
    "a constant a channel": by_channel,
    "a constant that fits the input alone": lambda: nn.Sequential(snn.Leaky(beta=torch.rand(6), init_hidden=True)),
    "a constant of another dtype": lambda: nn.Sequential(snn.Leaky(beta=torch.rand(6).double(), init_hidden=True)),
    "a constant a sample": lambda: nn.Sequential(nn.Linear(6, 1), snn.Leaky(beta=torch.rand(2, 4), init_hidden=True)),
    "inhibition": lambda: wide(inhibition=True),
    "a surrogate that draws": lambda: wide(spike_grad=surrogate.SSO()),
    "recurrent": lambda: nn.Sequential(
        nn.Linear(6, 4),
        snn.RLeaky(beta=torch.rand(4), linear_features=4, init_hidden=True),
        nn.Linear(4, 3),
        snn.RSynaptic(alpha=torch.rand(3), beta=0.5, V=torch.rand(3), all_to_all=False, init_hidden=True),
    ),
    "whole sequences": lambda: nn.Sequential(
        snn.LinearLeaky(beta=torch.rand(4), in_features=6, out_features=4, output=False),
        snn.StateLeaky(beta=torch.rand(4), channels=4, output=False),
        snn.StateLeaky(beta=0.5, channels=4, kernel_truncation_steps=2, output=False),
        snn.StateLeaky(beta=0.5, channels=4, kernel_truncation_steps=9, output=False),
    ),
    "statistics of each step": lambda: nn.Sequential(
        nn.Linear(6, 4), snn.BatchNormTT1d(4, 5), snn.Leaky(beta=torch.rand(4), init_hidden=True)
    ),
    "branches": Branches,
}
XS = {
    "float32": lambda: torch.rand(5, 2, 6),
    "float64": lambda: torch.rand(5, 2, 6).double(),
    "integers": lambda: torch.randint(0, 2, (5, 2, 6)),
}


@pytest.mark.parametrize("autocast", [False, True], ids=["", "autocast"])
@pytest.mark.parametrize("dtype", XS)
@pytest.mark.parametrize("name", NETS)
def test_the_named_kernel_is_the_one_that_runs(name: str, dtype: str, autocast: bool, spied: Spied) -> None:
    net, xs = NETS[name](), XS[dtype]()
    net = net.double() if dtype == "float64" else net
    if dtype == "integers":  # which layers of torch do not take
        net = nn.Sequential(snn.Leaky(beta=torch.rand(6), init_hidden=True), net)
    paths = {module: path for path, module in net.named_modules()}
    ran: dict[str, str] = {}
    run = choice.run

    def noting(neuron: Any, *args: Any) -> Any:
        before = len(spied.calls)
        out = run(neuron, *args)
        ran[paths[neuron]] = "spied" if len(spied.calls) > before else "reference"
        return out

    with torch.autocast("cpu") if autocast else contextlib.nullcontext():
        plan = snn.backends.explain(net, xs)
        with mock.patch.object(choice, "run", noting), torch.no_grad():
            snn.unroll(net, xs)
    assert plan.kind == "layers", plan.reason
    named = {layer.path: layer.how.split()[0] for layer in plan.layers if layer.path in ran}
    assert named == ran
    assert ran


def test_explaining_leaves_states_statistics_and_random_numbers_alone() -> None:
    net = nn.Sequential(nn.Linear(6, 4), snn.BatchNormTT1d(4, 5), *wide(spike_grad=surrogate.SSO())[1:])
    net(torch.rand(2, 6))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    xs, mem, numbers = torch.rand(5, 2, 6), net[2].mem.clone(), torch.get_rng_state()
    assert snn.backends.explain(net, xs).kind == "layers"
    assert mem.equal(net[2].mem)
    assert numbers.equal(torch.get_rng_state())
    assert all(value.equal(before[name]) for name, value in net.state_dict().items())


class Counting(snn.Leaky):
    """A neuron that counts its steps."""

    def integrate(self, x, state):
        self.steps = getattr(self, "steps", 0) + 1
        return super().integrate(x, state)


def test_explaining_leaves_a_neuron_that_counts_alone() -> None:
    net = nn.Sequential(nn.Linear(6, 4), Counting(beta=0.9, init_hidden=True))
    xs = torch.rand(5, 2, 6)
    snn.backends.explain(net, xs)
    assert not hasattr(net[1], "steps")
    snn.unroll(net, xs, explain=True)
    assert net[1].steps == 5


def test_a_layer_behind_one_that_fails_is_not_reached() -> None:
    net = nn.Sequential(nn.Linear(5, 4), snn.Leaky(beta=0.9, init_hidden=True))
    layers = snn.backends.explain(net, torch.rand(5, 2, 6)).layers
    assert layers[1].how == "not reached by this input"


@pytest.mark.compiles
def test_explain_is_refused_inside_compiled_code() -> None:
    torch._dynamo.reset()
    net, xs = nn.Sequential(nn.Linear(6, 4), snn.Leaky(beta=0.9, init_hidden=True)), torch.rand(7, 3, 6)
    explain = torch.compile(lambda x: snn.unroll(net, x, explain=True), backend="eager", fullgraph=True)
    with pytest.raises(Exception, match=r"explain=True.*cannot be compiled; call it once outside"):
        explain(xs)
    expected, plan = snn.unroll(net, xs, explain=True)
    assert plan.kind == "layers"
    assert torch.equal(torch.compile(lambda x: snn.unroll(net, x), backend="eager", fullgraph=True)(xs), expected)
