"""A decay that is learned with "bounded" stays between 0 and 1, and can learn there whatever was learned before."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core import kernels

from .zoo import close, step_loop

DECAYS = torch.tensor([0.15, 0.5, 0.75, 0.9, 0.97], dtype=torch.float64)
WITHIN: dict[str, tuple[Callable[..., Any], str]] = {
    "Leaky": (snn.Leaky, "beta"),
    "RLeaky": (partial(snn.RLeaky, linear_features=5), "beta"),
    "RLeaky with delays": (partial(snn.RLeaky, V=0.5, all_to_all=False, max_delay=2, delay=1.5), "beta"),
    "Synaptic, beta": (partial(snn.Synaptic, alpha=0.5), "beta"),
    "Synaptic, alpha": (partial(snn.Synaptic, beta=0.5), "alpha"),
    "RSynaptic, alpha": (partial(snn.RSynaptic, beta=0.5, linear_features=5), "alpha"),
    "Alpha, alpha": (partial(snn.Alpha, beta=0.1), "alpha"),
    "Alpha, beta": (partial(snn.Alpha, alpha=0.98), "beta"),
    "Lapicque": (snn.Lapicque, "beta"),
    "DeltaLeaky": (partial(snn.DeltaLeaky, 1.0), "beta"),
    "StateLeaky": (partial(snn.StateLeaky, channels=5), "beta"),
    "LinearLeaky": (partial(snn.LinearLeaky, in_features=5, out_features=5), "beta"),
    "ALIF, beta": (partial(snn.ALIF, rho=0.8), "beta"),
    "ALIF, rho": (partial(snn.ALIF, beta=0.8), "rho"),
    "AdLIF, rho": (partial(snn.AdLIF, beta=0.8, a=0.5), "rho"),
    "SEAdLIF, beta": (partial(snn.SEAdLIF, rho=0.8, a=0.5), "beta"),
}
every_decay = pytest.mark.parametrize("kind", WITHIN)


def neuron(kind: str, learn: Any, value: Any = DECAYS, **options: Any) -> Any:
    make, name = WITHIN[kind]
    torch.manual_seed(0)
    return make(**{name: value, f"learn_{name}": learn}, **options).double()


def raw(module: nn.Module, name: str) -> Tensor:
    return module.get_parameter(f"parametrizations.{name}.original")


@pytest.fixture(params=["as it comes", "reference"])
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels that are installed, and then none."""
    kernels.status()
    if request.param == "reference":
        monkeypatch.setattr("snn_core.engines.registry._OFFERED", {})


def by_unroll(module: Any, xs: Tensor) -> Any:
    return module.unroll(xs, trace=True)


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("run", [by_unroll, step_loop])
@every_decay
def test_values_are_those_of_a_fixed_decay_and_its_gradient_is_the_logistic_function_s(
    kind: str, run: Callable[..., Any]
) -> None:
    name = WITHIN[kind][1]
    plain, within = neuron(kind, True), neuron(kind, "bounded")
    # r = ln(c / (1 - c)), c = 1 / (1 + exp(-r)), dc/dr = c (1 - c)
    close(raw(within, name), (DECAYS / (1 - DECAYS)).log())
    close(getattr(within, name), DECAYS)
    xs = 2 * torch.rand(9, 3, 5, dtype=torch.float64)
    gradients = []
    for module in (plain, within):
        spk, states = run(module, xs)
        (spk.sum() + sum((s**2).sum() for s in states)).backward()
        gradients.append(next(p.grad for n, p in module.named_parameters() if name in n.split(".")))
    assert (gradients[0] != 0).all()
    close(gradients[1], gradients[0] * DECAYS * (1 - DECAYS))


def trained(lif: Any, target: float, steps: int) -> float:
    """The decay after learning to keep this share of a membrane in one step."""
    optimizer = torch.optim.Adam(lif.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        mem = lif(torch.zeros(1, 1), torch.ones(1, 1))[1]
        (mem - target).square().sum().backward()
        optimizer.step()
    return lif.beta.item()


def test_training_that_pushes_at_the_end_of_the_range_can_come_back() -> None:
    plain, within = (snn.Leaky(0.9, learn_beta=learn, reset_mechanism="none") for learn in (True, "bounded"))
    frozen = trained(plain, 1.5, 30)  # no decay reaches 1.5, so the optimizer pushes on
    assert frozen > 1
    assert 0.95 < trained(within, 1.5, 30) < 1
    assert trained(plain, 0.4, 300) == pytest.approx(frozen, abs=0.01)  # the momentum alone moves it
    assert plain.beta.grad.item() == 0
    assert trained(within, 0.4, 300) == pytest.approx(0.4, abs=1e-3)


@pytest.mark.usefixtures("implementation")
def test_a_decay_stays_inside_in_any_number_of_large_steps_of_an_optimizer() -> None:
    net = nn.Sequential(nn.Linear(5, 5), neuron("Synaptic, alpha", "bounded", init_hidden=True).float())
    optimizer = torch.optim.SGD(net.parameters(), lr=50.0)
    xs = torch.rand(7, 3, 5)
    for sign in (1, -1, -1, 1, 1):
        optimizer.zero_grad()
        (sign * snn.unroll(net, xs).sum()).backward()
        optimizer.step()
        assert ((net[1].alpha >= 0) & (net[1].alpha <= 1)).all()


@every_decay
def test_a_repr_shows_the_range_and_nothing_of_how_it_is_kept(kind: str) -> None:
    name = WITHIN[kind][1]
    module = neuron(kind, "bounded", 0.9375)
    text = repr(module)
    assert text.startswith(f"{kind.split(',')[0].split()[0]}(")
    assert f"{name}=0.9375 (learned, 0..1)" in text
    assert "arametriz" not in text + type(module).__name__
    assert f"{name}=0.9375 (learned)" in repr(neuron(kind, True, 0.9375)) or kind == "Lapicque"


def test_a_repr_of_other_ranges_and_of_parts_is_complete() -> None:
    text = repr(snn.bounded(neuron("RLeaky", True), "beta", low=0.125, high=1.0))
    assert "beta=tensor(5,) (learned, 0.125..1)" in text
    assert "(recurrent): Linear(in_features=5, out_features=5, bias=True)" in text


@pytest.mark.parametrize("value", [0.0, 1.0, -0.5, 20.0, float("nan")])
@pytest.mark.parametrize("each", [False, True])
@every_decay
def test_a_value_that_the_logistic_function_never_takes_is_refused(kind: str, each: bool, value: float) -> None:
    # one value for all neurons, or of one of five
    wrong = torch.cat([DECAYS[:4], torch.tensor([value])]) if each else value
    with pytest.raises(ValueError, match=rf"{WITHIN[kind][1]} must be .* got .*{re.escape(f'{value:g}')}"):
        neuron(kind, "bounded", wrong)


def test_the_error_at_an_end_says_why_and_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"^Leaky: beta must be greater than 0 and less than 1 .* got 1\.0: .*0\.99"):
        snn.Leaky(1.0, learn_beta="bounded")
    with pytest.raises(ValueError, match=r"snn\.decay\(tau, dt\), or pass learn_alpha=True to start at an end$"):
        snn.Synaptic(0.0, 0.5, learn_alpha="bounded")
    with pytest.raises(ValueError, match=r"got 1\.0: "):
        snn.Leaky(torch.tensor(0.9999, dtype=torch.float16), learn_beta="bounded")


@pytest.mark.parametrize("wrong", ["Bounded", "", "true", "sigmoid"])
@every_decay
def test_any_other_word_is_refused_and_named(kind: str, wrong: str) -> None:
    option = f"learn_{WITHIN[kind][1]}"
    with pytest.raises(ValueError, match=rf"^\w+: {option} must be True, False or 'bounded', got '{wrong}'"):
        neuron(kind, wrong)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (partial(snn.Leaky, 0.5, learn_threshold="bounded"), "threshold"),
        (partial(snn.Leaky, 0.5, learn_graded_spikes_factor="bounded"), "graded_spikes_factor"),
        (partial(snn.ALIF, 0.5, 0.5, learn_kappa="bounded"), "kappa"),
        (partial(snn.AxonalDelay, 3, learn_delay="bounded"), "delay"),
    ],
)
def test_only_a_decay_is_learned_by_this_word(make: Callable[[], Any], name: str) -> None:
    message = rf"{name} is learned or not: .*got 'bounded'; snn\.bounded\(neuron, '{name}', low=\.\.\., high=\.\.\.\)"
    with pytest.raises(TypeError, match=message):
        make()


def test_recurrent_weights_that_are_not_clamped_have_no_range() -> None:
    with pytest.raises(TypeError, match="LeakyParallel: learn_beta must be True or False, got 'bounded'"):
        snn.LeakyParallel(3, 5, beta=0.5, learn_beta="bounded")


def test_a_decay_in_a_range_gets_no_second_range() -> None:
    with pytest.raises(ValueError, match=r"beta \(0\.\.1\) of Leaky is bounded already; build a new neuron"):
        snn.bounded(neuron("Leaky", "bounded"), "beta", high=2)


@pytest.mark.parametrize("kind", ["Leaky", "ALIF, rho", "AdLIF, rho"])
def test_a_program_computes_the_decay_once_for_all_steps(kind: str) -> None:
    program = snn.program(neuron(kind, "bounded"), dtype=torch.float64)
    assert "sigmoid" in str(program.once)
    assert "sigmoid" not in str(program.forward)


def test_a_sequence_of_a_layer_is_one_node_for_a_compiler() -> None:
    module = nn.Sequential(nn.Linear(3, 5), snn.Leaky(DECAYS, learn_beta="bounded", init_hidden=True)).double()
    compiled = torch.compile(lambda xs: snn.unroll(module, xs), backend="aot_eager", fullgraph=True)
    xs, gradients = torch.rand(6, 2, 3, dtype=torch.float64) * 2, []
    for run in (lambda xs: snn.unroll(module, xs), compiled):
        module.zero_grad()
        snn.utils.reset(module)
        out = run(xs)
        out.sum().backward()
        gradients.append((out, raw(module[1], "beta").grad))
    close(gradients[0], gradients[1])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_decay_in_half_precision_is_within_its_rounding(dtype: torch.dtype) -> None:
    built = snn.Leaky(DECAYS.to(dtype), learn_beta="bounded")
    moved = snn.Leaky(DECAYS.float(), learn_beta="bounded").to(dtype)
    for module in (built, moved):
        assert module.beta.dtype == dtype
        torch.testing.assert_close(module.beta.double(), DECAYS, rtol=2 * torch.finfo(dtype).eps, atol=0)
        module.unroll(torch.rand(5, 3, 5, dtype=dtype) * 2)[0].sum().backward()
        assert raw(module, "beta").grad.isfinite().all()


def test_a_neuron_without_values_is_built() -> None:
    with torch.device("meta"):
        module = snn.Leaky(0.5, learn_beta="bounded")
    assert module.beta.is_meta
    assert module.to_empty(device="cpu").beta.device.type == "cpu"
