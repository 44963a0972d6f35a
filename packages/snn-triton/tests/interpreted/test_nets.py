"""Whole nets by ``unroll``, whose neurons run by kernels and whose other layers by PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core import kernels

from .comparison import Comparison, drive, near, offered
from .tests_of_core import zoo


class Own(nn.Module):
    """A forward of its own, with a connection past a layer and a state that is passed by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 5), nn.Linear(5, 5)
        self.lif = snn.Leaky(0.8, init_hidden=True, learn_beta=True)
        self.synaptic = snn.Synaptic(0.7, torch.linspace(0.3, 0.9, 5), init_hidden=True, learn_beta=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        drive = self.first(x)
        spikes = self.lif(drive)
        return self.synaptic(self.second(spikes) + drive), spikes


def feed_forward() -> nn.Module:
    return nn.Sequential(
        nn.Linear(4, 5),
        snn.Leaky(torch.linspace(0.2, 0.9, 5), init_hidden=True, learn_beta=True),
        nn.Linear(5, 3),
        snn.Synaptic(0.7, 0.8, init_hidden=True, learn_alpha=True, learn_threshold=True),
        snn.Alpha(0.8, 0.6, init_hidden=True, output=True),
    )


def recurrent() -> nn.Module:
    return nn.Sequential(
        snn.RLeaky(0.8, linear_features=4, init_hidden=True),
        snn.RLeaky(0.9, V=0.5, all_to_all=False, init_hidden=True),
        nn.Linear(4, 6),
        snn.RSynaptic(0.6, 0.8, linear_features=6, init_hidden=True),
        snn.RSynaptic(0.7, 0.8, V=-0.5, all_to_all=False, init_hidden=True),
        snn.DeltaLeaky(0.25, beta=0.9, init_hidden=True),
        snn.SLSTM(6, 5, threshold=0.125, init_hidden=True, output=True),
    )


NETS: dict[str, Callable[[], nn.Module]] = {"feed forward": feed_forward, "recurrent": recurrent, "own forward": Own}
every_net = pytest.mark.parametrize("name", NETS)


def build_net(name: str) -> nn.Module:
    torch.manual_seed(1)
    return NETS[name]().double()


def outcome(net: nn.Module, xs: Tensor, run: Callable[[nn.Module, Tensor], Any]) -> list[Tensor]:
    """Outputs, states that stay, and the gradients of input and parameters."""
    leaf = xs.clone().requires_grad_()
    out = run(net, leaf)
    outputs = [*out] if isinstance(out, tuple) else [out]
    neurons = [m for m in net.modules() if isinstance(m, snn.SpikingNeuron)]
    states = [getattr(neuron, field) for neuron in neurons for field in neuron.State._fields]
    return [*outputs, *states, *zoo.gradients([*outputs, *states], [leaf, *net.parameters()])]


def same_as_steps(name: str, xs: Tensor, run: Callable[[nn.Module, Tensor], Any]) -> None:
    """Assert that nothing changes where no kernel is there."""
    result = outcome(build_net(name), xs, run)
    with offered():
        expected = outcome(build_net(name), xs, run)
    near([f.detach() for f in result], [e.detach() for e in expected], 1e-12)


@every_net
@pytest.mark.usefixtures("wide", "of_any_size")
def test_a_net_is_its_steps_and_says_what_runs_it(name: str) -> None:
    xs = drive(9, 3, 4)
    result = outcome(build_net(name), xs, snn.unroll)
    with offered():
        expected = outcome(build_net(name), xs, lambda net, xs: snn.unroll(net, xs, schedule="steps"))
    near([f.detach() for f in result], [e.detach() for e in expected], 1e-12)
    plan = snn.unroll(build_net(name), xs, explain=True)[1]
    neurons = [layer for layer in plan.layers if "snn-triton" in layer.how]
    assert len(neurons) == sum(isinstance(m, snn.SpikingNeuron) for m in build_net(name).modules())


@every_net
@pytest.mark.usefixtures("wide", "of_any_size")
def test_samples_of_several_lengths(name: str) -> None:
    same_as_steps(name, drive(9, 4, 4), lambda net, xs: snn.unroll(net, xs, lengths=[9, 4, 0, 7]))


@every_net
@pytest.mark.usefixtures("wide", "of_any_size")
def test_a_sequence_in_chunks(name: str) -> None:
    same_as_steps(name, drive(9, 3, 4), lambda net, xs: snn.unroll(net, xs, chunk=4))
    whole, chunks = (outcome(build_net(name), drive(9, 3, 4), run) for run in (snn.unroll, by_chunks))
    near([c.detach() for c in chunks], [w.detach() for w in whole], 1e-12)


def by_chunks(net: nn.Module, xs: Tensor) -> Any:
    return snn.unroll(net, xs, chunk=4)


@every_net
@pytest.mark.usefixtures("wide", "of_any_size")
def test_a_sequence_in_parts(name: str) -> None:
    def parts(net: nn.Module, xs: Tensor) -> Any:
        first, second = snn.unroll(net, xs[:5]), snn.unroll(net, xs[5:], resume=True)
        if isinstance(first, Tensor):
            return torch.cat([first, second])
        return tuple(torch.cat([a, b]) for a, b in zip(first, second, strict=True))

    same_as_steps(name, drive(9, 3, 4), parts)
    whole, cut = (outcome(build_net(name), drive(9, 3, 4), run) for run in (snn.unroll, parts))
    near([c.detach() for c in cut], [w.detach() for w in whole], 1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: snn.RLeaky(0.8, linear_features=32, learn_beta=True),
        lambda: snn.RSynaptic(0.6, torch.linspace(0.2, 0.9, 32), linear_features=32, learn_alpha=True),
        lambda: snn.SLSTM(32, 32, threshold=0.125),
    ],
    ids=["RLeaky", "RSynaptic", "SLSTM"],
)
@pytest.mark.usefixtures("wide")
def test_products_go_to_the_library_where_there_are_enough_neurons(make: Callable[[], Any]) -> None:
    neuron = make()
    assert kernels.choose(neuron, drive(8, 63, 32, dtype=torch.float32)).reason.endswith(
        "it has weights; a program is faster only with 8 or more steps and 2048 or more neurons in all samples"
    )
    for trace in (False, True):
        Comparison(neuron.float(), drive(8, 64, 32, dtype=torch.float32), trace=trace).agrees()


@pytest.mark.usefixtures("wide")
def test_a_net_trains_as_by_its_steps() -> None:
    xs, target = drive(7, 6, 4), torch.tensor([0, 1, 2, 0, 1, 2])

    def losses(schedule: str) -> list[float]:
        net, losses = build_net("feed forward"), []
        optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
        for _ in range(4):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(snn.unroll(net, xs, schedule=schedule)[0].mean(0), target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    result = losses("auto")
    assert result[-1] < result[0]
    assert result == pytest.approx(losses("steps"), rel=1e-9)
