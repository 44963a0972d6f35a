"""The sequence of any neuron inside compiled code: one node, with the loop's numbers and gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core import surrogate

from .test_random_neurons import BINARY, UNARY, Drawn, Three, Two
from .zoo import NEURONS, Case, close, gradients

pytestmark = [pytest.mark.compiles, pytest.mark.usefixtures("fresh_compiler")]
# their states are convolved from step to step, which no step program does
WITHOUT_PROGRAM = {"rleaky conv", "sconv2dlstm", "sconv2dlstm pooled"}


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    """Compiled code of one test is not reused, or counted as a recompilation, in the next."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()


class Compiled:
    """The sequence of a neuron as compiled code without a graph break, and the graphs of all compilations."""

    def __init__(self, neuron: Any) -> None:
        self.neuron = neuron
        self.graphs: list[Any] = []
        self._run = torch.compile(lambda xs: neuron.unroll(xs), fullgraph=True, backend=self._backend)

    def _backend(self, graph: Any, inputs: Any) -> Any:
        self.graphs.append(graph)
        return graph.forward

    @property
    def targets(self) -> list[str]:
        """The names of all calls in the last graph that compute with the input."""
        nodes = self.graphs[-1].graph.nodes
        return [str(node.target) for node in nodes if node.op in ("call_function", "call_method")]

    def must_equal_the_loop(self, xs: Tensor) -> None:
        xs = xs.detach().requires_grad_()
        leaves = [xs, *self.neuron.parameters()]
        (spk, last), (expected_spk, expected_last) = self._run(xs), looped(self.neuron, xs)
        values, expected = [spk, *last], [expected_spk, *expected_last]
        close(values, expected)
        ends = [k for k, value in enumerate(expected) if value.requires_grad]
        if ends:  # what a random equation returns may depend on nothing that has a gradient
            close(gradients([values[k] for k in ends], leaves), gradients([expected[k] for k in ends], leaves))


def looped(neuron: Any, xs: Tensor) -> tuple[Tensor, Any]:
    """Run a sequence step by step."""
    spikes, state = [], None
    for x in xs:
        spk, state = neuron.step(x, state)
        spikes.append(spk)
    return torch.stack(spikes), state


@pytest.mark.parametrize("case", [case for case in NEURONS if case.name not in WITHOUT_PROGRAM], ids=str)
def test_every_neuron_is_one_node_and_changed_constants_recompile_nothing(case: Case) -> None:
    compiled, xs = Compiled(case.make()), case.input()
    compiled.must_equal_the_loop(xs)
    assert compiled.targets.count("snn_core.sequence") == 1
    assert not any("loop" in target or "unbind" in target for target in compiled.targets)
    with torch.no_grad():
        for tensor in (*compiled.neuron.parameters(), *compiled.neuron.buffers()):
            if tensor.is_floating_point():
                tensor.mul_(0.9)
    compiled.must_equal_the_loop(xs)
    compiled.must_equal_the_loop(xs[:5])
    assert len(compiled.graphs) <= 2  # one for any number of steps


@pytest.mark.parametrize("seed", range(10))
def test_random_neurons_of_users_are_one_node(seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)

    def below(count: int) -> int:
        return int(torch.randint(count, (1,), generator=draw))

    kind = (Two, Three)[seed % 2]
    known = 3 + len(kind.State._fields)
    instructions = []
    for k in range(6):
        table: dict[str, Any] = UNARY if below(2) else BINARY
        name = sorted(table)[below(len(table))]
        instructions.append((name, *(below(known + k) for _ in range(1 if table is UNARY else 2))))
    neuron: Drawn = kind(tuple(instructions), 5, spike_grad=surrogate.fast_sigmoid(2)).double()
    compiled = Compiled(neuron)
    compiled.must_equal_the_loop(1.5 * torch.randn(7, 3, 5, generator=draw, dtype=torch.float64))
    assert compiled.targets.count("snn_core.sequence") == 1


class Gained(snn.Leaky):
    """A neuron with options of its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.gain = 0.5
        self.how = "once"
        self.shape: Callable[[Tensor], Tensor] = torch.tanh

    def integrate(self, x: Tensor, state: Any) -> Any:
        x = self.shape(self.gain * x)
        return super().integrate(2 * x if self.how == "twice" else x, state)


CHANGES: dict[str, Callable[[Any], object]] = {
    "reset": lambda neuron: setattr(neuron, "reset_mechanism", "zero"),
    "delay": lambda neuron: setattr(neuron, "reset_delay", False),
    "surrogate": lambda neuron: setattr(neuron, "spike_grad", surrogate.sigmoid(3)),
    "slope": lambda neuron: setattr(neuron, "spike_grad", surrogate.atan(0.5)),
    "inhibition": lambda neuron: setattr(neuron, "inhibition", True),
    "number": lambda neuron: setattr(neuron, "gain", 1.25),
    "word": lambda neuron: setattr(neuron, "how", "twice"),
    "function": lambda neuron: setattr(neuron, "shape", torch.sigmoid),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_option_gives_the_right_numbers(change: str) -> None:
    compiled, xs = Compiled(Gained(beta=0.8, learn_beta=True).double()), 4 * torch.randn(7, 3, 5, dtype=torch.float64)
    compiled.must_equal_the_loop(xs)
    before = looped(compiled.neuron, xs)[1].mem
    CHANGES[change](compiled.neuron)
    if change not in ("surrogate", "slope"):  # which change gradients only
        assert not torch.equal(looped(compiled.neuron, xs)[1].mem, before)
    compiled.must_equal_the_loop(xs)


def test_a_neuron_that_counts_its_steps_is_traced_step_by_step() -> None:
    class Counting(snn.Leaky):
        count = 0

        def integrate(self, x: Tensor, state: Any) -> Any:
            self.count += 1
            return super().integrate(x, state)

    compiled, xs = Compiled(Counting(beta=0.8).double()), torch.randn(7, 3, 5, dtype=torch.float64)
    compiled._run(xs)
    assert "snn_core.sequence" not in compiled.targets
    assert compiled.neuron.count == 7


def losses_of_training(run_by: Callable[[Callable[[Tensor], Tensor]], Callable[[Tensor], Tensor]]) -> list[float]:
    """Train a net with a user's neuron for three steps, whose loss runs in a given way."""
    torch.manual_seed(0)
    lif = Gained(beta=0.8, learn_beta=True, init_hidden=True)
    net = nn.Sequential(nn.Linear(5, 6), lif, nn.Linear(6, 2)).double()
    optimizer, xs, losses = torch.optim.SGD(net.parameters(), 0.1), torch.linspace(-1, 3, 105).double(), []
    loss = run_by(lambda xs: (snn.unroll(net, xs).mean(0) - 1).square().sum())
    for _ in range(3):
        value = loss(xs.view(7, 3, 5))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return losses


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_a_net_of_users_neurons_trains_compiled_as_without(backend: str) -> None:
    compiled = losses_of_training(lambda loss: torch.compile(loss, fullgraph=True, backend=backend))
    assert compiled == pytest.approx(losses_of_training(lambda loss: loss), rel=1e-9)


def test_under_vmap_and_grad_of_functions_a_sequence_is_what_it_was() -> None:
    neuron, xs = snn.AdLIF(beta=0.9, rho=0.95, a=0.1, b=0.2).double(), torch.randn(4, 7, 3, 5, dtype=torch.float64)
    mapped = torch.func.vmap(lambda x: neuron.unroll(x)[0])(xs)
    close(mapped, torch.stack([looped(neuron, x)[0] for x in xs]))
    differentiated = torch.func.grad(lambda x: neuron.unroll(x)[1][0].sum())(xs[0])
    x = xs[0].clone().requires_grad_()
    (expected,) = torch.autograd.grad(looped(neuron, x)[1][0].sum(), x)
    close(differentiated, expected)
