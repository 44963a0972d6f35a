"""Sequence operators and the choice of a fused kernel: the same numbers as the loop, or a reason why not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

import snn_core as snn
from snn_core import kernels, surrogate
from snn_core.engines import registry
from snn_core.neuron import compiled
from snn_core.neuron.choice import sample_of
from snn_core.neuron.makeup import constants_of

from .entry_points import pretend
from .stepped_programs import Stepped, offered
from .zoo import NEURONS, OPTIONS, Case, close, gradients, started

GRID = [o for name, o in OPTIONS.items() if name not in ("quantized", "inhibited")]
CASES = [
    *NEURONS,
    Case("stateleaky", partial(snn.StateLeaky, beta=torch.linspace(0.3, 1.0, 5), channels=5), resets=False),
    Case("linearleaky", partial(snn.LinearLeaky, beta=0.8, in_features=5, out_features=5), resets=False),
]


def operator_of(case: Case, **options: Any) -> tuple[Any, Tensor, str, tuple[str, ...]]:
    """Return a neuron, its input, the text of its program, which is empty if it has none, and its constants."""
    neuron, xs = case.make(**options), case.input()
    named = dict(constants_of(neuron))
    text, paths = compiled._text_and_paths(neuron, xs.dim() - 1, xs.dtype, sample_of(neuron, xs, named), True)
    return neuron, xs, text, paths


WITH_OPERATOR = [case for case in CASES if operator_of(case)[2]]
OPERATOR_GRID = [
    pytest.param(case, options, id=f"{case}, {' '.join(map(str, options.values()))}")
    for case in WITH_OPERATOR
    for options in GRID
    if case.resets or not any(key.startswith("reset") for key in options)
]


def leaky(**options: Any) -> snn.Leaky:
    options = {"beta": torch.linspace(0.3, 1.0, 5), "learn_beta": True, "learn_threshold": True} | options
    return snn.Leaky(**options).double()


@pytest.mark.parametrize("options", GRID, ids=lambda o: " ".join(map(str, o.values())))
@pytest.mark.parametrize("trace", [False, True])
def test_a_kernel_gives_the_numbers_and_gradients_of_the_loop(options: dict, trace: bool) -> None:
    neuron = leaky(**({"spike_grad": surrogate.fast_sigmoid(5)} | options))
    xs = (1.5 * torch.randn(7, 3, 5, dtype=torch.float64)).requires_grad_()
    state = neuron.State((0.7 * torch.randn(3, 5, dtype=torch.float64)).requires_grad_())
    inputs = [xs, *state, *neuron.parameters()]
    spk, last = kernels.loop(neuron.advance, xs, state, trace)
    expected = gradients([spk, *last], inputs)
    kernel = Stepped()
    with offered(kernel):
        spk_k, last_k = neuron.unroll(xs, state, trace=trace)
        close(spk_k, spk)
        close(tuple(last_k), tuple(last))
        close(gradients([spk_k, *last_k], inputs), expected)
    assert (kernel.calls, kernel.told) == (["forward", "backward"], [True, (True, True)])


def test_all_neurons_but_those_that_convolve_states_have_an_operator() -> None:
    without = {str(case) for case in CASES} - {str(case) for case in WITH_OPERATOR}
    assert without == {"rleaky conv", "sconv2dlstm", "sconv2dlstm pooled"}


@pytest.mark.parametrize(("case", "options"), OPERATOR_GRID)
@pytest.mark.parametrize("trace", [False, True])
def test_the_operator_equals_the_loop_in_values_and_all_gradients(case: Case, options: dict, trace: bool) -> None:
    neuron, xs, text, _ = operator_of(case, **options)
    assert text
    xs.requires_grad_()
    state = started(case, neuron)
    inputs = [xs, *state, *neuron.parameters()]
    spk, last = kernels.loop(neuron.advance, xs, state, trace)
    expected = gradients([spk, *last], inputs)
    with offered():
        spk_op, last_op = compiled.sequence(neuron, xs, state, trace)
    close(spk_op, spk)
    close(tuple(last_op), tuple(last))
    close(gradients([spk_op, *last_op], inputs), expected)


@pytest.mark.exhaustive
@pytest.mark.parametrize("case", WITH_OPERATOR, ids=str)
def test_the_operator_is_well_behaved(case: Case) -> None:
    neuron, xs, text, paths = operator_of(case)
    named = constants_of(neuron)
    values = [named[path].detach().clone().requires_grad_() for path in paths]
    for trace in (False, True):
        arguments = text, xs[:3].requires_grad_(), [*started(case, neuron)], values, trace
        results = torch.library.opcheck(torch.ops.snn_core.sequence.default, arguments)
        assert set(results.values()) == {"SUCCESS"}


@pytest.mark.parametrize("case", WITH_OPERATOR, ids=str)
def test_the_operator_may_be_mapped_over_a_further_axis(case: Case) -> None:
    neuron, x, _, _ = operator_of(case)
    xs = torch.stack([x, 0.5 * x], dim=1)
    rest = torch.zeros(neuron.state_shape(x[0]), dtype=torch.float64)
    state = neuron.State(*[rest] * len(neuron.State._fields))
    mapped = torch.vmap(lambda x: compiled.sequence(neuron, x, state, False)[0], in_dims=1, out_dims=1)(xs)
    close(mapped, torch.stack([kernels.loop(neuron.advance, x, state, False)[0] for x in xs.unbind(1)], dim=1))


def test_a_kernel_that_refuses_is_named_with_its_reason_and_the_reference_runs() -> None:
    neuron, xs = leaky(), torch.randn(7, 3, 5, dtype=torch.float64)
    expected, _ = kernels.loop(neuron.advance, xs, neuron.State(torch.zeros(3, 5, dtype=torch.float64)), False)
    kernel = Stepped(refuse="not on a Tuesday")
    with offered(kernel):
        close(neuron.unroll(xs)[0], expected)
        choice = kernels.choose(neuron, xs)
        net = torch.nn.Sequential(snn.Leaky(beta=0.9, init_hidden=True))
        assert "not on a Tuesday" in str(snn.backends.explain(net, xs.float()))
    assert kernel.calls == []
    assert choice.name == "reference"
    assert "not on a Tuesday" in choice.reason


def test_a_kernel_that_takes_the_call_is_named() -> None:
    neuron, xs = leaky(), torch.randn(7, 3, 5, dtype=torch.float64)
    with offered(Stepped()):
        assert kernels.choose(neuron, xs).name == "stepped"
        net = torch.nn.Sequential(snn.Leaky(beta=0.9, init_hidden=True))
        assert "stepped" in str(snn.backends.explain(net, xs.float()))


def test_the_kernel_registered_last_is_asked_first() -> None:
    first, second = Stepped(), Stepped()
    with offered(first, second):
        leaky().unroll(torch.randn(7, 3, 5, dtype=torch.float64))
    assert (len(first.calls), len(second.calls)) == (0, 1)


def test_a_kernel_of_another_device_is_not_asked() -> None:
    kernel = Stepped()
    kernel.device = "cuda"
    with offered(kernel):
        leaky().unroll(torch.randn(7, 3, 5, dtype=torch.float64))
    assert kernel.calls == []


@pytest.mark.parametrize(
    ("neuron", "reason"),
    [
        (lambda: leaky(spike_grad=surrogate.SSO()), "rand_like"),
        (lambda: leaky(inhibition=True), "inhibition"),
    ],
    ids=["SSO", "inhibition"],
)
def test_calls_that_no_program_supports_run_in_the_loop_with_the_reason(neuron: Callable, reason: str) -> None:
    built, xs = neuron(), torch.randn(7, 3, 5, dtype=torch.float64)
    kernel = Stepped()
    with offered(kernel):
        choice = kernels.choose(built, xs)
        built.unroll(xs)
    assert kernel.calls == []
    assert choice.name == "reference"
    assert reason in choice.reason


@pytest.mark.parametrize(
    ("shape", "features", "becomes"),
    [((5,), 1, (3, 5)), ((1, 1, 5), 5, (1, 3, 5)), ((2, 1, 1), 5, (2, 3, 5)), ((7, 3, 5), 5, (7, 3, 5))],
    ids=str,
)
@pytest.mark.parametrize("constant", ["beta", "threshold"])
def test_a_constant_that_expands_the_input_runs_in_the_loop_and_is_named(constant, shape, features, becomes):
    neuron = leaky(**({"beta": 0.5} | {constant: torch.full(shape, 0.5)}))
    xs = torch.randn(7, 3, features, dtype=torch.float64)
    kernel = Stepped()
    with offered(kernel):
        assert kernels.choose(neuron, xs).reason == (
            f"{constant} of shape {shape} expands the input (7, 3, {features})"
        )
        spk, last = neuron.unroll(xs)
    assert kernel.calls == []
    assert last.mem.shape == spk.shape[1:] == becomes


@pytest.mark.parametrize("shape", [(), (1,), (5,), (1, 5), (3, 5), (3, 1)], ids=str)
def test_a_constant_that_fits_the_input_goes_to_a_kernel(shape: tuple[int, ...]) -> None:
    with offered(Stepped()):
        assert kernels.choose(leaky(beta=torch.full(shape, 0.5)), torch.randn(7, 3, 5).double()).name == "stepped"


def test_registering_an_unknown_operation_or_unregistering_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"'lazy'.*program"):
        kernels.register("lazy", Stepped())
    with pytest.raises(ValueError, match=r"stepped.*program"):
        kernels.unregister("program", Stepped())


def test_a_package_of_kernels_that_does_not_load_is_a_reason_and_stops_nothing(monkeypatch) -> None:
    def explode() -> tuple[bool, str]:
        raise ImportError("wrong torch")

    pretend(monkeypatch, "snn.kernels", good=lambda: (True, "leaky on cpu"), bad=explode, gone="surely_no_module:f")
    monkeypatch.setattr(registry, "_LOADED", [])
    monkeypatch.setattr(registry, "_DISCOVERED", [])
    statuses = {s.name: s for s in snn.backends.status() if s.kind == "kernel"}
    assert statuses["good"].ok
    assert not statuses["bad"].ok
    assert "wrong torch" in statuses["bad"].reason
    assert "surely_no_module" in statuses["gone"].reason


@pytest.mark.compiles
def test_a_whole_sequence_compiles_into_one_graph_of_any_length() -> None:
    torch.compiler.reset()
    neuron = snn.Leaky(beta=0.8, init_hidden=False).double()
    xs = torch.randn(50, 3, 5, dtype=torch.float64, requires_grad=True)
    compiled = torch.compile(lambda x: neuron.unroll(x)[0] * 2, fullgraph=True, backend="aot_eager")
    expected = neuron.unroll(xs)[0] * 2
    close(compiled(xs), expected)
    close(gradients([compiled(xs)], [xs]), gradients([expected], [xs]))
    torch.compiler.reset()
