"""Step programs: what a neuron's own code computes, forward and backward, and nothing else under its name."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, NamedTuple
from unittest import mock

import pytest
import torch
from torch import Tensor

import snn_core as snn
from snn_core import kernels, surrogate
from snn_core.neuron import repertoire
from snn_core.neuron.makeup import Makeup, constants_of
from snn_core.programs import instructions

from .stepped_programs import stepped
from .zoo import NEURONS, Case

ELEMENTWISE = [
    case
    for case in NEURONS
    if case.name not in ("rleaky", "rleaky conv", "rsynaptic", "rleaky with delays") and "lstm" not in case.name
]
SURROGATES = [
    surrogate.atan(),
    surrogate.fast_sigmoid(),
    surrogate.sigmoid(),
    surrogate.triangular(),
    surrogate.triangular(0.7, height=2.5),
    surrogate.straight_through_estimator(),
    surrogate.LSO(),
    surrogate.spike_rate_escape(),
    surrogate.multi_gaussian(),
    surrogate.double_gaussian(),
    surrogate.slayer(),
    surrogate.SFS(),
    surrogate.custom_surrogate(lambda x, grad, spk: grad * (1 - x.abs()).clamp_min(0)),
]
RESETS = [("subtract", True), ("subtract", False), ("zero", True), ("zero", False), ("none", True)]


def computed(neuron: Any, x: Tensor, state: Any, upstream: dict[str, Tensor]) -> dict[str, Tensor]:
    """One step by its program: outputs, and gradients of the input, the state and the constants that learn."""
    program = snn.program(neuron, axes=x.dim(), dtype=x.dtype)
    constants = {name: value.detach() for name, value in constants_of(neuron).items()}
    values = {"x": x, **state._asdict(), **program.once.run(constants), **upstream}
    sums = program.backward.run(values)
    whole = {name: torch.as_tensor(out, dtype=x.dtype).expand(x.shape) for name, out in sums.items()}
    last = program.last.run({**constants, **whole})
    shapes = {f"d {name}": value.shape for name, value in constants.items()}
    learned = {n: torch.as_tensor(g).expand(x.shape).sum_to_size(shapes[n]) for n, g in last.items()}
    return {**program.forward.run(values), **{n: whole[n] for n in whole if n.startswith("d ")}, **learned}


def by_autograd(neuron: Any, x: Tensor, state: Any, upstream: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same by the neuron's own step."""
    leaves = {"x": x.clone().requires_grad_(), **{n: s.clone().requires_grad_() for n, s in state._asdict().items()}}
    emitted, after, _ = neuron.advance(leaves["x"], neuron.State._make(list(leaves.values())[1:]), None)
    outputs = {"emitted": emitted, **after._asdict()}
    leaves |= {name: value for name, value in constants_of(neuron).items() if value.requires_grad}
    ends = [(out, upstream[f"d {name}"]) for name, out in outputs.items() if out.requires_grad]
    grads = torch.autograd.grad([e for e, _ in ends], [*leaves.values()], [g for _, g in ends], allow_unused=True)
    gradients = {
        f"d {n}": torch.zeros_like(t) if g is None else g for (n, t), g in zip(leaves.items(), grads, strict=True)
    }
    return {**{name: out.detach() for name, out in outputs.items()}, **gradients}


@pytest.mark.exhaustive
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize(("reset", "delay"), RESETS)
@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
def test_a_program_is_what_the_step_computes(case: Case, reset: str, delay: bool, dtype: torch.dtype) -> None:
    options = {"reset_mechanism": reset, "reset_delay": delay} if case.resets else {}
    for index, spike_grad in enumerate(SURROGATES):
        more = {"learn_threshold": index % 2 == 0, "graded_spikes_factor": (1.0, 2.5)[index % 2], **options}
        more = more if case.resets else {}
        neuron = case.make(spike_grad=spike_grad, **more).to(dtype)
        generator = torch.Generator().manual_seed(1)
        x, *rest = (torch.randn(case.shape, generator=generator, dtype=torch.float64).to(dtype) for _ in range(20))
        state = neuron.State._make(rest[: len(neuron.State._fields)])
        upstream = dict(zip((f"d {n}" for n in ("emitted", *neuron.State._fields)), rest[9:], strict=False))
        expected, result = by_autograd(neuron, x, state, upstream), computed(neuron, x, state, upstream)
        assert result.keys() == expected.keys()
        for name, value in expected.items():
            exact = not name.startswith("d ")
            bound = 0 if exact else 1e-12 if dtype == torch.float64 else 2e-5
            torch.testing.assert_close(
                torch.as_tensor(result[name], dtype=dtype).expand_as(value), value, rtol=bound, atol=bound, msg=name
            )


PRINTED = """
once:
  v0 = clamp(beta, 0, 1)
  v1 = v0 == beta
  v2 = where(v1, beta, v0)
  k1 = v2
step:
  v0 = k1 * mem
  v1 = v0 + x
  v2 = v1 - threshold
  v3 = v2 > 0
  v4 = number(v3)
  emitted = v4
  mem = v1
step backward:
  v0 = k1 * mem
  v1 = v0 + x
  v2 = v1 - threshold
  v3 = v2 * 3.141592653589793
  v4 = square(v3)
  v5 = v4 + 1
  v6 = reciprocal(v5)
  v7 = d emitted * v6
  v8 = d mem + v7
  v9 = v8 * k1
  v10 = v8 * mem
  d x = v8
  d mem = v9
  sum 0 = v10
at the end:
  v0 = clamp(beta, 0, 1)
  v1 = v0 == beta
  v2 = where(v1, sum 0, 0)
  d beta = v2
"""


def test_a_program_prints_as_the_equation() -> None:
    assert str(snn.program(snn.Leaky(beta=0.9, learn_beta=True, reset_mechanism="none"))) == PRINTED.strip()


class Faulty(snn.SpikingNeuron):
    """A neuron whose equation is given as a function of itself, its input and its membrane."""

    class State(NamedTuple):
        mem: Tensor

    def __init__(self, equation: Any, **options: Any) -> None:
        super().__init__(**options)
        self.equation = equation
        self.count = 0
        self.counts = [0]

    def integrate(self, x: Tensor, state: State) -> State:
        return self.State(self.equation(self, x, state.mem))


TABLE = torch.linspace(0, 1, 5)
CALLS = [0]


def counts(neuron: Any, x: Tensor, mem: Tensor) -> Tensor:
    neuron.count += 1
    return mem + x / neuron.count


def counts_in_a_list(neuron: Any, x: Tensor, mem: Tensor) -> Tensor:
    neuron.counts[0] += 1
    return mem + x / neuron.counts[0]


def counts_in_a_global(neuron: Any, x: Tensor, mem: Tensor) -> Tensor:
    CALLS[0] += 1
    return mem + x / CALLS[0]


def branches(neuron: Any, x: Tensor, mem: Tensor) -> Tensor:
    return mem + x if x.sum() > 0 else mem - x


def branches_unseen(neuron: Any, x: Tensor, mem: Tensor) -> Tensor:
    return mem + x if x.detach().tolist()[0][0] > 0 else mem - x


def changes_its_input(neuron: Any, x: Tensor, mem: Tensor) -> Tensor:
    return mem + x.detach().mul_(0.5)


REFUSED = {
    "counts": (counts, "changes the attribute 'count' of Faulty while it runs"),
    "counts in a list": (counts_in_a_list, "changes the attribute 'counts' of Faulty while it runs"),
    "counts in a global": (counts_in_a_global, "changes the global 'CALLS' while it runs"),
    "draws": (lambda neuron, x, mem: mem + torch.rand_like(x) * x, "draws random numbers"),
    "branches on a value": (branches, "'__bool__' reads a value"),
    "branches on a value that no operation reads": (branches_unseen, "'tolist' reads a value"),
    "reads a constant that no operation reads": (
        lambda neuron, x, mem: neuron.threshold.tolist() * mem + x,
        "'tolist' reads a value",
    ),
    "reads the size": (lambda neuron, x, mem: mem + x / x.shape[0], "depends on the values or the size"),
    "means": (lambda neuron, x, mem: mem + x - x.mean(), "'mean' is not an operation that programs support"),
    "sums over the batch": (lambda neuron, x, mem: mem + x - x.sum(), "a sum over the batch"),
    "sorts": (lambda neuron, x, mem: mem + x.sort().values, "'sort' reads a value or returns several tensors"),
    "shifts": (lambda neuron, x, mem: mem + x.roll(1, -1), "'roll' is not an operation that programs support"),
    "reads a table": (lambda neuron, x, mem: mem + x * TABLE[0], "not a constant of the neuron"),
    "widens": (lambda neuron, x, mem: (mem.double() + x).float(), "a step also computes in float32"),
    "changes its input": (changes_its_input, "changes a tensor in place that is read elsewhere too"),
    "rounds once": (lambda neuron, x, mem: torch.add(x, mem, alpha=0.5), "'add' is not an operation"),
    "rounds to a decimal": (lambda neuron, x, mem: torch.round(mem + x, decimals=1), "'round' is not an operation"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_an_equation_without_a_program_runs_step_by_step(kind: str) -> None:
    equation, reason = REFUSED[kind]
    CALLS[0] = 0
    neuron, twin = Faulty(equation), Faulty(equation)
    xs = torch.randn(6, 3, 5, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(7)
    state, expected = None, []
    for x in xs.clone():
        spk, state = twin.step(x, state)
        expected.append(spk)
    CALLS[0] = 0
    torch.manual_seed(7)
    with stepped() as engine:
        spk, last = neuron.unroll(xs.clone())
        assert kernels.choose(neuron, xs).name == "reference"
        assert reason in kernels.choose(neuron, xs).reason
    assert not engine.calls
    assert spk.equal(torch.stack(expected))
    assert last.mem.equal(state.mem)
    assert (neuron.count, neuron.counts) == (twin.count, twin.counts)
    assert CALLS[0] == (6 if kind == "counts in a global" else 0)


def both(neuron: Any, xs: Tensor, trace: bool) -> list[tuple[Tensor, ...]]:
    """Outputs and gradients by an engine of programs, and by the loop."""
    results = []
    for whole in (True, False):
        leaf = xs.clone().requires_grad_()
        with stepped() as engine:
            state = neuron.State._make([torch.zeros_like(xs[0]) for _ in neuron.State._fields])
            run = neuron.unroll if whole else lambda x, s, trace: kernels.loop(neuron.advance, x, s, trace)
            spk, states = run(leaf, state, trace=trace)
        assert bool(engine.calls) == whole
        weights = torch.linspace(-1, 1, spk.numel(), dtype=xs.dtype).view_as(spk)
        total = (spk * weights).sum() + sum((s**2).sum() for s in states)
        learned = [p for p in neuron.parameters() if p.requires_grad]
        grads = torch.autograd.grad(total, [leaf, *learned], allow_unused=True)
        results.append((spk, *states, *(g for g in grads if g is not None)))
    return results


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize("case", ELEMENTWISE, ids=str)
def test_sequences_by_programs_are_those_of_the_loop(case: Case, trace: bool) -> None:
    neuron = case.make()
    for result, expected in zip(*both(neuron, case.input(), trace), strict=True):
        torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)


class SumsAConstant(snn.SpikingNeuron):
    """A neuron whose input is scaled by the sum of a constant."""

    class State(NamedTuple):
        mem: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.constant("weight", torch.linspace(0.1, 0.9, 5))

    def integrate(self, x: Tensor, state: State) -> State:
        return self.State(0.9 * state.mem + x * self.weight.sum())


def test_a_neuron_that_sums_a_constant_has_no_program() -> None:
    with pytest.raises(ValueError, match="a step sums a constant over neurons"):
        snn.program(SumsAConstant())


def steps_by_width(x: Tensor, grad: Tensor, spk: Tensor) -> Tensor:
    return grad * (1.0 * (x.abs() < 0.2) + 1.0 * (x.abs() < 0.6))


def tenths(state: Tensor) -> Tensor:
    return state + (torch.round(state, decimals=1) - state).detach()


SILENT_AT_FIRST = {
    "rounds to a decimal": lambda: Faulty(REFUSED["rounds to a decimal"][0]),
    "rounds its state to a decimal": lambda: snn.Leaky(0.9, state_quant=tenths),
    "sums a constant": SumsAConstant,
    "subtracts a condition": lambda: Faulty(lambda neuron, x, mem: mem + x * (1 - 1.0 * (mem > 0.9))),
    "adds conditions": lambda: Faulty(lambda neuron, x, mem: mem + x * (1.0 * (mem > 0.1) + 1.0 * (mem > 0.6)) + x),
    "counts conditions": lambda: Faulty(lambda neuron, x, mem: mem + x * ((mem > 0.1) * 1 + (mem > 0.6) * 1) + x),
    "adds conditions backward": lambda: snn.Leaky(0.9, spike_grad=surrogate.custom_surrogate(steps_by_width)),
}


@pytest.mark.parametrize("kind", SILENT_AT_FIRST)
def test_a_first_step_that_is_silent_hides_nothing(kind: str) -> None:
    neuron, xs = SILENT_AT_FIRST[kind](), torch.rand(30, 3, 5, generator=torch.Generator().manual_seed(0)) / 2
    xs[0] = 0
    results = []
    for whole in (True, False):
        leaf, state = xs.clone().requires_grad_(), neuron.State(torch.zeros(3, 5))
        with stepped():
            spk, last = neuron.unroll(leaf, state) if whole else kernels.loop(neuron.advance, leaf, state, False)
        (grad,) = torch.autograd.grad(spk.sum() + (last.mem**2).sum(), leaf)
        results.append((spk, last.mem, grad))
    (spk, mem, grad), (expected_spk, expected_mem, expected_grad) = results
    assert expected_spk.any()
    assert spk.equal(expected_spk)
    assert mem.equal(expected_mem)
    torch.testing.assert_close(grad, expected_grad)


@pytest.mark.parametrize("rule", ["relu", "sigmoid_backward"])
def test_a_program_that_gives_other_numbers_than_the_step_is_none(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    neuron = Faulty(lambda neuron, x, mem: mem + x.relu() + mem.sigmoid())
    assert len(snn.program(neuron).forward.instructions) > 3
    monkeypatch.setitem(instructions._RULES, rule, lambda emit, x, *more: emit("neg", x))
    with pytest.raises(ValueError, match="the program made of its operations gives different numbers"):
        snn.program(neuron)


def test_numbers_of_an_instruction_are_not_on_the_default_device() -> None:
    chosen = torch.tensor([True, False])
    with torch.device("meta"):
        assert instructions.computed("where", [chosen, 2.0, 3.0], torch.float32).tolist() == [2, 3]


def test_a_gradient_that_is_a_number_is_where_its_constant_is() -> None:
    spike_grad = surrogate.custom_surrogate(lambda x, grad, spk: torch.zeros_like(x))
    neuron = snn.Leaky(0.9, learn_threshold=True, reset_mechanism="none", spike_grad=spike_grad)
    constants = {name: value.to("meta") for name, value in constants_of(neuron).items()}
    gradients = dict(zip(constants, snn.program(neuron).gradients(constants, {}), strict=True))
    assert torch.as_tensor(gradients["threshold"]).device == constants["threshold"].device


def test_programs_of_a_surrogate_that_is_annealed_do_not_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    program = snn.program(snn.Leaky(0.9))
    monkeypatch.setattr(repertoire, "apart", lambda function: program)
    monkeypatch.setattr(repertoire, "_OF_OURS", {})
    for k in range(1000):
        neuron = snn.Leaky(0.9, spike_grad=surrogate.atan(1 + k / 1000))
        options = Makeup.of(neuron).options
        assert repertoire.known_of_ours(neuron, options, 2, torch.float32, None, neuron.State) is program
    assert len(repertoire._OF_OURS) < 500


def test_a_changed_option_is_another_program() -> None:
    neuron = Faulty(lambda self, x, mem: self.gain * mem + x)
    neuron.gain = 0.5
    xs = torch.full((3, 1, 1), 0.25)
    with stepped() as engine:
        assert neuron.unroll(xs)[1].mem.item() == 0.4375
        neuron.gain = 1.0
        assert neuron.unroll(xs)[1].mem.item() == 0.75
        neuron.threshold.fill_(0.5)
        assert neuron.unroll(xs)[0].sum() == 1
        neuron.equation = lambda self, x, mem: x
        assert neuron.unroll(xs)[1].mem.item() == 0.25
    assert engine.calls == ["forward"] * 4


SLOPE = 1.0


def annealed(x: Tensor, grad: Tensor, spk: Tensor) -> Tensor:
    return grad / (1 + SLOPE * x.abs()) ** 2


@dataclass(frozen=True)
class Annealed(surrogate.Surrogate):
    """A surrogate whose slope is a global."""

    def derivative(self, x: Tensor) -> Tensor:
        return 1 / (1 + SLOPE * x.abs()) ** 2


@pytest.mark.parametrize("spike_grad", [Annealed(), surrogate.custom_surrogate(annealed)], ids=["class", "function"])
def test_a_changed_surrogate_is_another_program(spike_grad: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    net = torch.nn.Sequential(snn.Leaky(beta=0.9, spike_grad=spike_grad, init_hidden=True))
    xs = torch.rand(7, 2, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    gradients = []
    for slope in (1.0, 25.0, 1.0):
        monkeypatch.setitem(globals(), "SLOPE", slope)
        (expected,) = torch.autograd.grad(snn.unroll(net, xs, schedule="steps").sum(), xs)
        with stepped() as engine:
            gradients += torch.autograd.grad(snn.unroll(net, xs).sum(), xs)
        assert engine.calls
        torch.testing.assert_close(gradients[-1], expected)
    assert gradients[0].equal(gradients[2])
    assert not torch.allclose(gradients[0], gradients[1])


def test_switching_modes_back_and_forth_traces_nothing_again() -> None:
    neuron, xs = snn.DeltaLeaky(0.5, beta=0.8125, learn_threshold=True), torch.rand(4, 2, 3)
    with (
        stepped(),
        mock.patch.object(repertoire, "_OF_OURS", {}),
        mock.patch.object(repertoire, "traced", wraps=repertoire.traced) as traced,
    ):
        for _ in range(5):
            for training in (True, False):
                neuron.train(training).unroll(xs)
    assert traced.call_count == 2  # once for each mode


def test_a_neuron_with_a_program_is_copied_and_pickled_without_it() -> None:
    neuron = next(case for case in ELEMENTWISE if case.name == "a user's quadratic neuron").make()
    with stepped():
        neuron.unroll(torch.ones(2, 1, 1, dtype=torch.float64))
    for twin in (copy.deepcopy(neuron), pickle.loads(pickle.dumps(neuron))):
        assert twin._programs is None
        assert neuron._programs is not None


def test_the_gradient_of_a_gradient_is_that_of_the_steps() -> None:
    neuron = next(case for case in ELEMENTWISE if case.name == "a user's quadratic neuron").make()
    xs = torch.randn(4, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    seconds = []
    for whole in (True, False):
        with stepped():
            state = neuron.State(torch.zeros(2, 3, dtype=torch.float64))
            spk, last = neuron.unroll(xs, state) if whole else kernels.loop(neuron.advance, xs, state, False)
            (grad,) = torch.autograd.grad(spk.sum() + (last.mem**2).sum(), xs, create_graph=True)
            seconds.append(torch.autograd.grad((grad**2).sum(), [xs, neuron.rest]))
    for result, expected in zip(*seconds, strict=True):
        torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)


def test_program_refuses_what_is_not_a_neuron() -> None:
    with pytest.raises(TypeError, match=r"program takes a neuron \(SpikingNeuron\), got Linear"):
        snn.program(torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"SLSTM has no step program: .* needs the shape of a sample"):
        snn.program(snn.SLSTM(3, 2))


def test_a_first_program_imports_no_compiler() -> None:
    code = (
        "import sys, torch, snn_core as snn\n"
        "snn.program(snn.Alpha(alpha=0.9, beta=0.8, learn_beta=True))\n"
        "snn.program(snn.SLSTM(3, 2), sample=(3,))\n"
        "print([name for name in ('sympy', 'torch._dynamo', 'torch._inductor') if name in sys.modules])"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"


def test_a_constant_on_another_device_leaves_a_sequence_to_the_reference() -> None:
    with stepped():
        choice = kernels.choose(snn.Leaky(0.9).to("meta"), torch.zeros(2, 3, 4))
    assert choice.name == "reference"
    assert "a constant is on meta, and the input on cpu" in choice.reason
