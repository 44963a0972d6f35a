"""torch.export of layers that keep a state: refused where every run would start from the same one."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

from .zoo import NEURONS, Case, close

every_neuron = pytest.mark.parametrize("case", NEURONS, ids=str)
either_way = pytest.mark.parametrize("strict", [False, pytest.param(True, marks=pytest.mark.compiles)])
REFUSED = "keeps a state from call to call, which an exported program cannot"


class Runs(nn.Module):
    """A net, and a way to run it."""

    def __init__(self, net: nn.Module, run: Callable[[nn.Module, Tensor], Any]) -> None:
        super().__init__()
        self.net, self.run = net, run

    def forward(self, xs: Tensor) -> Any:
        return self.run(self.net, xs)


def unrolled(net: nn.Module, xs: Tensor) -> Tensor:
    return snn.unroll(net, xs)


def by_layers(net: nn.Module, xs: Tensor) -> Tensor:
    return snn.unroll(net, xs, schedule="layers")


def looped(net: nn.Module, xs: Tensor) -> Tensor:
    snn.utils.reset(net)
    return torch.stack([net(x) for x in xs])


def in_two_parts(net: nn.Module, xs: Tensor) -> Tensor:
    return torch.cat([snn.unroll(net, xs[:2]), snn.unroll(net, xs[2:], resume=True)])


def resumed(net: nn.Module, xs: Tensor) -> Tensor:
    return snn.unroll(net, xs, resume=True)


def small(**options: Any) -> nn.Sequential:
    torch.manual_seed(0)
    neuron = snn.Leaky(beta=0.9, init_hidden=True, **options)
    return nn.Sequential(nn.Linear(5, 3), neuron, nn.Linear(3, 2), snn.Synaptic(alpha=0.5, beta=0.8, init_hidden=True))


def export(net: nn.Module, x: Tensor, strict: bool = False) -> nn.Module:
    return torch.export.export(net, (x,), strict=strict).module()


@every_neuron
def test_a_step_of_a_neuron_that_keeps_its_state_is_not_exported(case: Case) -> None:
    net, xs = nn.Sequential(case.make(init_hidden=True)), case.input()
    expected = [out.detach() for out in looped(net, xs)]
    snn.utils.reset(net)
    with pytest.raises(
        RuntimeError, match=rf"{type(net[0]).__name__} {REFUSED}.*snn\.export.*init_hidden=False.*unroll.*reset"
    ):
        export(net, xs[0])
    close([net(x).detach() for x in xs], expected)


@either_way
@pytest.mark.parametrize("rest", [False, True], ids=["new", "reset"])
def test_the_state_of_a_neuron_survives_a_refused_export(strict: bool, rest: bool) -> None:
    net, xs = small(), torch.rand(4, 3, 5)
    expected = looped(net, xs)
    net = small()
    if rest:
        snn.utils.reset(net)
    first = [net(x) for x in xs[:2]]
    with pytest.raises(Exception, match=REFUSED):
        export(net, xs[2], strict)
    close(torch.stack([*first, *map(net, xs[2:])]), expected)


@pytest.mark.filterwarnings("ignore:While compiling, we found certain side effects")  # torch does not apply them
@either_way
@pytest.mark.parametrize("run", [unrolled, by_layers, looped, in_two_parts])
def test_a_sequence_from_rest_is_exported_and_the_net_left_as_it_was(run: Any, strict: bool) -> None:
    xs, others = torch.rand(2, 4, 3, 5)
    net = small()
    exported = export(Runs(net, run), xs, strict)
    for _ in range(2):
        close(exported(others), looped(small(), others))
    close(torch.stack([net(x) for x in xs]), looped(small(), xs))
    with pytest.raises(Exception, match=REFUSED):
        export(net, xs[0], strict)


def test_a_sequence_that_goes_on_from_before_is_not_exported() -> None:
    net, xs = small(), torch.rand(4, 3, 5)
    snn.unroll(net, xs)
    with pytest.raises(RuntimeError, match=REFUSED):
        export(Runs(net, resumed), xs)


def test_a_state_that_is_set_and_read_is_exported() -> None:
    class Step(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.neuron = snn.Leaky(beta=0.9, init_hidden=True)

        def forward(self, x: Tensor, mem: Tensor) -> tuple[Tensor, Tensor]:
            self.neuron.mem = mem
            return self.neuron(x), self.neuron.mem

    x, mem = torch.rand(2, 3, 5)
    exported = torch.export.export(Step(), (x, mem)).module()
    close(exported(mem, x), snn.Leaky(beta=0.9)(mem, x))


def test_a_state_that_a_neuron_goes_on_from_is_not_exported() -> None:
    neuron, x = snn.Leaky(beta=0.9), torch.rand(3, 5)
    mem = neuron.reset_mem()
    with pytest.raises(RuntimeError, match=REFUSED):
        export(neuron, x)
    close(torch.export.export(neuron, (x, x)).module()(x, x), snn.Leaky(beta=0.9)(x, x))
    close(neuron(x, mem), snn.Leaky(beta=0.9)(x))


def test_the_step_that_a_normalization_counts_is_not_exported() -> None:
    net, xs = nn.Sequential(snn.BatchNormTT1d(5, 4)).eval(), torch.rand(4, 3, 5)
    close(export(Runs(net, unrolled), xs)(xs), looped(net, xs))
    snn.utils.reset(net)
    with pytest.raises(RuntimeError, match=f"BatchNormTT1d {REFUSED}"):
        export(net, xs[0])


@pytest.mark.compiles
def test_a_step_that_keeps_its_state_is_compiled() -> None:
    net, xs = small(), torch.rand(4, 3, 5)
    with torch.no_grad():
        close(looped(torch.compile(net, backend="eager", fullgraph=True), xs), looped(small(), xs))


BY_TRACE: dict[str, Callable[[nn.Module, Tensor], Any]] = {
    "torch.jit.trace": torch.jit.trace,
    "torch.onnx.export": lambda net, x: torch.onnx.export(net, (x,), io.BytesIO(), dynamo=False),
}


@pytest.mark.parametrize("rest", ["new", "reset", "run before"])
@pytest.mark.parametrize("way", BY_TRACE)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of both ways, about themselves
def test_a_step_that_keeps_its_state_is_not_traced(way: str, rest: str) -> None:
    net, xs = small(), torch.rand(4, 3, 5)
    expected = looped(net, xs)
    net = small()
    if rest == "reset":
        snn.utils.reset(net)
    first = [net(x) for x in xs[:2]] if rest == "run before" else []
    with pytest.raises(RuntimeError, match=rf"^Leaky {REFUSED}.*snn\.export.*init_hidden=False"):
        BY_TRACE[way](net, xs[0])
    close(torch.stack(first + [net(x) for x in xs[len(first) :]]), expected)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_a_time_loop_that_begins_at_rest_is_traced_and_a_step_after_it_is_not() -> None:
    xs, others = torch.rand(2, 4, 3, 5)
    net = small()
    traced = torch.jit.trace(Runs(net, looped), xs)
    for _ in range(2):
        close(traced(others), looped(small(), others))
    with pytest.raises(RuntimeError, match=REFUSED):
        torch.jit.trace(net, xs[0])
    close(copy.deepcopy(net)(xs[0]), net(xs[0]))
    close(looped(net, xs), looped(small(), xs))


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_a_step_with_its_states_passed_is_traced() -> None:
    x, mem = torch.rand(2, 3, 5)
    close(torch.jit.trace(snn.Leaky(beta=0.9), (x, mem))(mem, x), snn.Leaky(beta=0.9)(mem, x))
