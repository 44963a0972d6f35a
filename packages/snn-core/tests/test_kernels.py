"""Sequence operators and fused kernels: the same numbers as the loop, or a reason why not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

import snn_core as snn
from snn_core import kernels, surrogate
from snn_core.kernels import operator, registry

from .entry_points import pretend
from .zoo import NEURONS, OPTIONS, Case, close, compiles, gradients, started

FAMILY_CASES = [c for c in NEURONS if type(c.make()) in {f.neuron for f in registry.FAMILIES.values()}]
GRID = [o for name, o in OPTIONS.items() if name not in ("quantised", "inhibited")]


def family(neuron: snn.SpikingNeuron) -> str:
    return next(name for name, f in registry.FAMILIES.items() if f.neuron is type(neuron))


class HandWritten:
    """A kernel of Leaky, written out independently of the package's own step, that counts its calls."""

    name, device = "by hand", "cpu"

    def __init__(self, family: str, refuse: str | None = None) -> None:
        self.family, self.refuse, self.calls = family, refuse, 0

    def refuses(self, call: kernels.SequenceCall) -> str | None:
        return self.refuse

    def forward(
        self, call: Any, x: Tensor, states: Sequence[Tensor], constants: Sequence[Tensor], trace: bool
    ) -> tuple[Tensor, ...]:
        self.calls += 1
        beta, theta = self._constants(call, constants)
        (mem,), spks, mems = states, [], []
        for drive in x:
            fired = (mem > theta).to(x.dtype)
            if call.reset_delay and call.reset == "zero":
                mem = mem * (1 - fired)
            mem = beta * mem + drive
            if call.reset_delay and call.reset == "subtract":
                mem = mem - fired * theta
            spk = (mem > theta).to(x.dtype)
            if not call.reset_delay and call.reset != "none":
                mem = mem - spk * theta if call.reset == "subtract" else mem * (1 - spk)
            spks.append(spk)
            mems.append(mem)
        return torch.stack(spks), torch.stack(mems) if trace else mem.clone()

    def backward(
        self, call: Any, grads: Sequence[Tensor], x: Tensor, states: Any, constants: Any, trace: bool
    ) -> tuple[Tensor, ...]:
        """Backpropagation through time of Leaky, derived by hand."""
        self.calls += 1
        beta, theta = self._constants(call, constants)
        slope = getattr(surrogate, call.surrogate)(*call.params).derivative
        before, mem = [], states[0]
        for t in range(len(x)):
            before.append(mem)
            mem = self.forward(call, x[t : t + 1], (mem,), constants, False)[1]
            self.calls -= 1
        g_spk, g_out = grads
        g_mem = torch.zeros_like(mem) if trace else g_out
        g_x, g_beta, g_theta = torch.empty_like(x), torch.zeros_like(mem), torch.zeros_like(mem)
        for t in reversed(range(len(x))):
            g_mem = g_mem + g_out[t] if trace else g_mem
            fired = (before[t] > theta).to(x.dtype)
            kept = before[t] * (1 - fired) if call.reset_delay and call.reset == "zero" else before[t]
            full = beta * kept + x[t]  # the membrane before any subtraction
            if call.reset_delay or call.reset == "none":
                delayed = fired if call.reset == "subtract" else torch.zeros_like(fired)
                d = slope(full - delayed * theta - theta)
                g_theta -= g_spk[t] * d
                g_mem = g_mem + g_spk[t] * d
                g_theta -= g_mem * delayed
            else:  # U = V - F theta, or (1 - F) V, with the gradient of F
                d, now = slope(full - theta), (full > theta).to(x.dtype)
                g_fired = g_spk[t] - g_mem * (theta if call.reset == "subtract" else full)
                g_theta -= g_fired * d + (g_mem * now if call.reset == "subtract" else 0)
                g_mem = g_mem * (1 if call.reset == "subtract" else 1 - now) + g_fired * d
            g_x[t] = g_mem
            g_beta += g_mem * kept
            g_mem = g_mem * beta
            if call.reset_delay and call.reset == "zero":
                g_mem = g_mem * (1 - fired)
        own = dict(zip(registry.FAMILIES["leaky"].constants, constants, strict=True))
        found = {"beta": g_beta, "threshold": g_theta}
        return g_x, g_mem, *(found[name].sum_to_size(value.shape) for name, value in own.items())

    def _constants(self, call: Any, constants: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        own = dict(zip(registry.FAMILIES[self.family].constants, constants, strict=True))
        return own["beta"].clamp(0, 1), own["threshold"]


@pytest.fixture
def offered() -> Iterator[Callable[[HandWritten], HandWritten]]:
    """Registers kernels for the length of a test."""
    registered: list[HandWritten] = []

    def offer(kernel: HandWritten) -> HandWritten:
        kernels.register(kernel.family, kernel)
        registered.append(kernel)
        return kernel

    yield offer
    for kernel in registered:
        kernels.unregister(kernel.family, kernel)


def leaky(**options: Any) -> snn.Leaky:
    options = {"beta": torch.linspace(0.3, 1.0, 5), "learn_beta": True, "learn_threshold": True} | options
    return snn.Leaky(**options).double()


@pytest.mark.parametrize("options", GRID, ids=lambda o: " ".join(map(str, o.values())))
@pytest.mark.parametrize("trace", [False, True])
def test_a_kernel_gives_the_numbers_and_gradients_of_the_loop(offered, options: dict, trace: bool) -> None:
    neuron = leaky(**({"spike_grad": surrogate.fast_sigmoid(5)} | options))
    xs = (1.5 * torch.randn(7, 3, 5, dtype=torch.float64)).requires_grad_()
    state = neuron.State((0.7 * torch.randn(3, 5, dtype=torch.float64)).requires_grad_())
    inputs = [xs, *state, *neuron.parameters()]
    spk, last = neuron.unroll(xs, state, trace=trace)
    wanted = gradients([spk, *last], inputs)
    kernel = offered(HandWritten("leaky"))
    spk_k, last_k = neuron.unroll(xs, state, trace=trace)
    close(spk_k, spk)
    close(tuple(last_k), tuple(last))
    close(gradients([spk_k, *last_k], inputs), wanted)
    assert kernel.calls == 2


@pytest.mark.parametrize("case", FAMILY_CASES, ids=str)
@pytest.mark.parametrize("options", GRID, ids=lambda o: " ".join(map(str, o.values())))
@pytest.mark.parametrize("trace", [False, True])
def test_every_operator_equals_its_loop_in_values_and_all_gradients(case: Case, options: dict, trace: bool) -> None:
    neuron, xs = case.make(**options), case.input().requires_grad_()
    state = started(case, neuron)
    inputs = [xs, *state, *neuron.parameters()]
    spk, last = kernels.loop(neuron.advance, xs, state, trace)
    wanted = gradients([spk, *last], inputs)
    call, reason = operator.sequence_call(neuron, xs)
    assert call is not None, reason
    spk_op, last_op = operator.call(call, neuron, xs, state, trace)
    close(spk_op, spk)
    close(tuple(last_op), tuple(last))
    close(gradients([spk_op, *last_op], inputs), wanted)


@pytest.mark.parametrize("case", FAMILY_CASES, ids=str)
def test_every_operator_is_well_behaved(case: Case) -> None:
    neuron, xs = case.make(), case.input(3).requires_grad_()
    state = started(case, neuron)
    entry = registry.FAMILIES[family(neuron)]
    values = [v.detach().clone().requires_grad_() for v in neuron.constant_values(entry.constants)]
    for trace in (False, True):
        arguments = (xs, *state, *values, "subtract", True, "fast_sigmoid", [5.0], trace)
        results = torch.library.opcheck(entry.operator, arguments)
        assert set(results.values()) == {"SUCCESS"}


@pytest.mark.parametrize("case", FAMILY_CASES, ids=str)
def test_an_operator_may_be_mapped_over_a_further_axis(case: Case) -> None:
    neuron = case.make()
    xs = torch.stack([case.input(), 0.5 * case.input()], dim=1)
    call, _ = operator.sequence_call(neuron, xs[:, 0])
    rest = torch.zeros(case.shape, dtype=torch.float64)
    state = neuron.State(*[rest] * len(neuron.State._fields))
    mapped = torch.vmap(lambda x: operator.call(call, neuron, x, state, False)[0], in_dims=1, out_dims=1)(xs)
    close(mapped, torch.stack([neuron.unroll(xs[:, i])[0] for i in range(2)], dim=1))


def test_a_kernel_that_refuses_is_named_with_its_reason_and_the_reference_runs(offered) -> None:
    neuron, xs = leaky(), torch.randn(7, 3, 5, dtype=torch.float64)
    expected, _ = neuron.unroll(xs)
    kernel = offered(HandWritten("leaky", refuse="not on a Tuesday"))
    close(neuron.unroll(xs)[0], expected)
    assert kernel.calls == 0
    choice = kernels.choose(neuron, xs)
    assert choice.name == "reference"
    assert "not on a Tuesday" in choice.reason
    net = torch.nn.Sequential(snn.Leaky(beta=0.9, init_hidden=True))
    assert "not on a Tuesday" in str(snn.backends.explain(net, xs.float()))


def test_a_kernel_that_takes_the_call_is_named(offered) -> None:
    offered(HandWritten("leaky"))
    neuron, xs = leaky(), torch.randn(7, 3, 5, dtype=torch.float64)
    assert kernels.choose(neuron, xs).name == "by hand"
    net = torch.nn.Sequential(snn.Leaky(beta=0.9, init_hidden=True))
    assert "by hand" in str(snn.backends.explain(net, xs.float()))


def test_the_kernel_registered_last_is_asked_first(offered) -> None:
    first, second = offered(HandWritten("leaky")), offered(HandWritten("leaky"))
    leaky().unroll(torch.randn(7, 3, 5, dtype=torch.float64))
    assert (first.calls, second.calls) == (0, 1)


def test_a_kernel_of_another_device_is_not_asked(offered) -> None:
    kernel = HandWritten("leaky")
    kernel.device = "cuda"
    offered(kernel)
    leaky().unroll(torch.randn(7, 3, 5, dtype=torch.float64))
    assert kernel.calls == 0


@pytest.mark.parametrize(
    ("neuron", "reason"),
    [
        (lambda: leaky(spike_grad=surrogate.SSO()), "SSO"),
        (lambda: leaky(spike_grad=surrogate.custom_surrogate(lambda x, g, s: g)), "custom_surrogate"),
        (lambda: leaky(spike_grad=torch.sigmoid), "sigmoid"),
        (lambda: leaky(inhibition=True), "inhibition"),
        (lambda: leaky(state_quant=torch.round), "state_quant"),
        (lambda: type("Mine", (snn.Leaky,), {})(beta=0.5).double(), "Mine"),
    ],
    ids=["SSO", "custom", "function", "inhibition", "quantised", "own subclass"],
)
def test_what_an_operator_cannot_carry_runs_in_the_loop_and_says_why(offered, neuron: Callable, reason: str) -> None:
    kernel = offered(HandWritten("leaky"))
    built, xs = neuron(), torch.randn(7, 3, 5, dtype=torch.float64)
    choice = kernels.choose(built, xs)
    assert choice.name == "reference"
    assert reason in choice.reason
    built.unroll(xs)
    assert kernel.calls == 0


def test_registering_for_an_unknown_family_or_twice_taking_back_is_an_error() -> None:
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
    monkeypatch.setattr(registry, "_discover", registry._discover.__wrapped__)
    found = {s.name: s for s in snn.backends.status() if s.kind == "kernel"}
    assert found["good"].ok
    assert not found["bad"].ok
    assert "wrong torch" in found["bad"].reason
    assert "surely_no_module" in found["gone"].reason


@compiles
def test_a_whole_sequence_compiles_into_one_graph_of_any_length() -> None:
    torch.compiler.reset()
    neuron = snn.Leaky(beta=0.8, init_hidden=False).double()
    xs = torch.randn(50, 3, 5, dtype=torch.float64, requires_grad=True)
    compiled = torch.compile(lambda x: neuron.unroll(x)[0] * 2, fullgraph=True, backend="aot_eager")
    expected = neuron.unroll(xs)[0] * 2
    close(compiled(xs), expected)
    close(gradients([compiled(xs)], [xs]), gradients([expected], [xs]))
    torch.compiler.reset()
