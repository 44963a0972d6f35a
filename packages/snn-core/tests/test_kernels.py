"""Sequence operators and the choice of a fused kernel: the same numbers as the loop, or a reason why not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

import snn_core as snn
from snn_core import kernels, surrogate
from snn_core.kernels import operator, registry

from .entry_points import pretend
from .hand_written import HandWritten, offered
from .zoo import NEURONS, OPTIONS, Case, close, gradients, started

WHOLE_SEQUENCES = [
    Case("stateleaky", partial(snn.StateLeaky, beta=torch.linspace(0.3, 1.0, 5), channels=5), resets=False),
    Case("linearleaky", partial(snn.LinearLeaky, beta=0.8, in_features=5, out_features=5), resets=False),
]
FAMILY_CASES = [
    case for case in [*NEURONS, *WHOLE_SEQUENCES] if operator.sequence_call(case.make(), case.input())[0] is not None
]
GRID = [o for name, o in OPTIONS.items() if name not in ("quantized", "inhibited")]
FAMILY_GRID = [
    pytest.param(case, options, id=f"{case}, {' '.join(map(str, options.values()))}")
    for case in FAMILY_CASES
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
    kernel = HandWritten()
    with offered(kernel):
        spk_k, last_k = neuron.unroll(xs, state, trace=trace)
        close(spk_k, spk)
        close(tuple(last_k), tuple(last))
        close(gradients([spk_k, *last_k], inputs), expected)
    assert kernel.calls == [("forward", True), ("backward", (True, True))]


@pytest.mark.parametrize(("case", "options"), FAMILY_GRID)
@pytest.mark.parametrize("trace", [False, True])
def test_every_operator_equals_its_loop_in_values_and_all_gradients(case: Case, options: dict, trace: bool) -> None:
    neuron, xs = case.make(**options), case.input().requires_grad_()
    state = started(case, neuron)
    inputs = [xs, *state, *neuron.parameters()]
    spk, last = kernels.loop(neuron.advance, xs, state, trace)
    expected = gradients([spk, *last], inputs)
    call, reason = operator.sequence_call(neuron, xs)
    assert call is not None, reason
    spk_op, last_op = operator.call(call, neuron, xs, state, trace)
    close(spk_op, spk)
    close(tuple(last_op), tuple(last))
    close(gradients([spk_op, *last_op], inputs), expected)


@pytest.mark.exhaustive
@pytest.mark.parametrize("case", FAMILY_CASES, ids=str)
def test_every_operator_is_well_behaved(case: Case) -> None:
    neuron, xs = case.make(), case.input(3).requires_grad_()
    call, _ = operator.sequence_call(neuron, xs)
    family = registry.FAMILIES[call.family]
    values = [v.detach().clone().requires_grad_() for v in neuron.constant_values(family.constants)]
    for trace in (False, True):
        arguments = (xs, *started(case, neuron), *values, call.reset, True, "fast_sigmoid", [5.0], trace)
        results = torch.library.opcheck(family.operator, arguments)
        assert set(results.values()) == {"SUCCESS"}


@pytest.mark.parametrize("case", FAMILY_CASES, ids=str)
def test_an_operator_may_be_mapped_over_a_further_axis(case: Case) -> None:
    neuron = case.make()
    xs = torch.stack([case.input(), 0.5 * case.input()], dim=1)
    call, _ = operator.sequence_call(neuron, xs[:, 0])
    rest = torch.zeros(case.shape, dtype=torch.float64)
    state = neuron.State(*[rest] * len(neuron.State._fields))
    mapped = torch.vmap(lambda x: operator.call(call, neuron, x, state, False)[0], in_dims=1, out_dims=1)(xs)
    close(mapped, torch.stack([kernels.loop(neuron.advance, x, state, False)[0] for x in xs.unbind(1)], dim=1))


@pytest.mark.parametrize(
    ("neuron", "family"),
    [
        (lambda: snn.StateLeaky(beta=0.9, channels=5), "stateleaky"),
        (lambda: snn.LinearLeaky(beta=0.9, in_features=5, out_features=5), "linearleaky"),
        (lambda: snn.RLeaky(beta=0.9, all_to_all=False), "rleaky_one_to_one"),
        (lambda: snn.RLeaky(beta=0.9, linear_features=5), "rleaky_dense"),
        (lambda: snn.RSynaptic(alpha=0.8, beta=0.9, all_to_all=False), "rsynaptic_one_to_one"),
        (lambda: snn.RSynaptic(alpha=0.8, beta=0.9, linear_features=5), "rsynaptic_dense"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_neuron_of_several_kinds_names_the_family_that_it_is_of(neuron: Callable, family: str) -> None:
    assert operator.sequence_call(neuron(), torch.zeros(7, 3, 5))[0].family == family


def test_a_kernel_that_refuses_is_named_with_its_reason_and_the_reference_runs() -> None:
    neuron, xs = leaky(), torch.randn(7, 3, 5, dtype=torch.float64)
    expected, _ = kernels.loop(neuron.advance, xs, neuron.State(torch.zeros(3, 5, dtype=torch.float64)), False)
    kernel = HandWritten(refuse="not on a Tuesday")
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
    with offered(HandWritten()):
        assert kernels.choose(neuron, xs).name == "by hand"
        net = torch.nn.Sequential(snn.Leaky(beta=0.9, init_hidden=True))
        assert "by hand" in str(snn.backends.explain(net, xs.float()))


def test_the_kernel_registered_last_is_asked_first() -> None:
    first, second = HandWritten(), HandWritten()
    with offered(first, second):
        leaky().unroll(torch.randn(7, 3, 5, dtype=torch.float64))
    assert (len(first.calls), len(second.calls)) == (0, 1)


def test_a_kernel_of_another_device_is_not_asked() -> None:
    kernel = HandWritten()
    kernel.device = "cuda"
    with offered(kernel):
        leaky().unroll(torch.randn(7, 3, 5, dtype=torch.float64))
    assert kernel.calls == []


@pytest.mark.parametrize(
    ("neuron", "reason"),
    [
        (lambda: leaky(spike_grad=surrogate.SSO()), "SSO"),
        (lambda: leaky(spike_grad=surrogate.custom_surrogate(lambda x, g, s: g)), "custom_surrogate"),
        (lambda: leaky(spike_grad=torch.sigmoid), "sigmoid"),
        (lambda: leaky(spike_grad=type("steep", (surrogate.atan,), {})()), "steep"),
        (lambda: leaky(inhibition=True), "inhibition"),
        (lambda: leaky(state_quant=torch.round), "state_quant"),
        (lambda: type("Mine", (snn.Leaky,), {})(beta=0.5).double(), "Mine"),
    ],
    ids=["SSO", "custom", "function", "own surrogate", "inhibition", "quantized", "own subclass"],
)
def test_calls_that_no_operator_supports_run_in_the_loop_with_the_reason(neuron: Callable, reason: str) -> None:
    built, xs = neuron(), torch.randn(7, 3, 5, dtype=torch.float64)
    kernel = HandWritten()
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
    kernel = HandWritten()
    with offered(kernel):
        assert kernels.choose(neuron, xs).reason == (
            f"{constant} of shape {shape} expands the input (7, 3, {features})"
        )
        spk, last = neuron.unroll(xs)
    assert kernel.calls == []
    assert last.mem.shape == spk.shape[1:] == becomes


@pytest.mark.parametrize("shape", [(), (1,), (5,), (1, 5), (3, 5), (3, 1)], ids=str)
def test_a_constant_that_fits_the_input_goes_to_a_kernel(shape: tuple[int, ...]) -> None:
    with offered(HandWritten()):
        assert kernels.choose(leaky(beta=torch.full(shape, 0.5)), torch.randn(7, 3, 5).double()).name == "by hand"


@pytest.mark.parametrize(("constant", "mixed"), [(0.5, False), (torch.full((5,), 0.5), True)], ids=["scalar", "vector"])
def test_a_kernel_learns_of_a_constant_whose_dtype_would_widen_the_input(constant: Any, mixed: bool) -> None:
    neuron = snn.Leaky(beta=constant).double()
    call, _ = operator.sequence_call(neuron, torch.zeros(7, 3, 5))
    assert (call.dtype, call.mixed) == (torch.float32, mixed)
    assert not operator.sequence_call(neuron, torch.zeros(7, 3, 5, dtype=torch.float64))[0].mixed


def test_registering_an_unknown_family_or_unregistering_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"'lazy'.*leaky"):
        kernels.register("lazy", HandWritten("leaky"))
    with pytest.raises(ValueError, match=r"by hand.*leaky"):
        kernels.unregister("leaky", HandWritten("leaky"))
    with pytest.raises(ValueError, match=r"'leaky'.*Leaky"):
        kernels.define("leaky", snn.Leaky, constants=("beta",))


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
