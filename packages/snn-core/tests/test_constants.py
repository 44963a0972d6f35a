"""A neuron's constants: numbers or tensors, fixed or learned, graded spikes, quantized states, bad arguments."""

from __future__ import annotations

import array
import copy
import pickle
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

import snn_core as snn

from .zoo import coarse


class Array(array.array):
    """Numbers that say, as NumPy's do, that they are an array; the core does not import NumPy."""

    def __array__(self) -> Any:
        raise NotImplementedError


def test_arrays_are_taken_as_tensors() -> None:
    lif = snn.Leaky(beta=Array("d", [0.5, 0.25]), threshold=Array("b", [1, 2]))
    assert lif.beta.tolist() == [0.5, 0.25]
    assert lif.threshold.tolist() == [1.0, 2.0]
    assert lif.beta.dtype == lif.threshold.dtype == torch.get_default_dtype()


@pytest.mark.parametrize("value", [1, 1.0, Fraction(1), torch.tensor(1), torch.tensor([1, 1, 1])], ids=str)
def test_constants_may_be_learned_whatever_number_they_are_given_as(value) -> None:
    lif = snn.Leaky(
        beta=value,
        threshold=value,
        graded_spikes_factor=value,
        learn_beta=True,
        learn_threshold=True,
        learn_graded_spikes_factor=True,
        spike_grad=snn.surrogate.straight_through_estimator(),
    )
    optimizer = torch.optim.SGD(lif.parameters(), lr=0.1)
    names = {name for name, _ in lif.named_parameters()}
    assert names == {"beta", "threshold", "graded_spikes_factor"}
    lif.unroll(torch.full((3, 2, 3), 1.5))[0].sum().backward()
    optimizer.step()
    assert all(p.is_floating_point() and (p != 1).any() for p in lif.parameters())


def test_constants_that_do_not_learn_are_buffers() -> None:
    lif = snn.Synaptic(alpha=0.9, beta=0.8)
    assert not list(lif.parameters())
    assert {"alpha", "beta", "threshold", "graded_spikes_factor"} <= dict(lif.named_buffers()).keys()


def test_each_constant_learns_alone() -> None:
    assert [n for n, _ in snn.Synaptic(0.9, 0.8, learn_alpha=True).named_parameters()] == ["alpha"]
    assert [n for n, _ in snn.Synaptic(0.9, 0.8, learn_beta=True).named_parameters()] == ["beta"]
    assert [
        n
        for n, _ in snn.RSynaptic(
            0.9, 0.8, V=1.0, all_to_all=False, learn_recurrent=False, learn_alpha=True
        ).named_parameters()
        if not n.startswith("recurrent")
    ] == ["alpha"]
    assert [n for n, _ in snn.Leaky(0.9, learn_threshold=True).named_parameters()] == ["threshold"]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("constant", [0.5, torch.full((3,), 0.5)], ids=["scalar", "one per neuron"])
def test_the_input_alone_decides_the_dtype_of_spikes_and_states(constant, dtype: torch.dtype) -> None:
    for options in ({}, {"reset_mechanism": "zero"}, {"reset_delay": False}, {"inhibition": True}):
        lif = snn.Leaky(beta=constant, threshold=constant, graded_spikes_factor=constant, **options)
        spk, mem = lif(torch.ones(2, 3, dtype=dtype), torch.ones(2, 3, dtype=dtype))
        assert spk.dtype == mem.dtype == dtype
        spk, last = snn.Synaptic(alpha=constant, beta=constant, **options).unroll(torch.ones(4, 2, 3, dtype=dtype))
        assert spk.dtype == last.syn.dtype == last.mem.dtype == dtype


def test_a_tensor_given_to_two_neurons_is_not_shared_between_them() -> None:
    beta = torch.tensor([0.5, 0.5])
    first, second = snn.Leaky(beta=beta, learn_beta=True), snn.Leaky(beta=beta, learn_beta=True)
    with torch.no_grad():
        first.beta.zero_()
    assert beta.tolist() == second.beta.tolist() == [0.5, 0.5]


def test_graded_spikes_have_the_amplitude_of_their_neuron() -> None:
    lif = snn.Leaky(beta=0.5, graded_spikes_factor=torch.tensor([0.5, 1.0, -2.0]))
    assert lif(torch.full((1, 3), 2.0))[0].tolist() == [[0.5, 1.0, -2.0]]


def test_the_gradient_of_a_graded_factor_is_the_spike_count() -> None:
    lif = snn.Leaky(beta=1.0, learn_graded_spikes_factor=True)
    spk, _ = lif.unroll(torch.full((4, 1, 1), 0.75))
    # U: 0.75, 1.5, 1.25, 1.0 -> two spikes
    assert spk.flatten().tolist() == [0, 1, 1, 0]
    spk.sum().backward()
    assert lif.graded_spikes_factor.grad.item() == 2.0


def load_another_factor(lif: snn.Leaky, factor: Tensor) -> snn.Leaky:
    lif.load_state_dict(lif.state_dict() | {"graded_spikes_factor": factor})
    return lif


def into_a_copy(lif: snn.Leaky, factor: Tensor) -> snn.Leaky:
    # the copy's tensor starts to count its changes anew, and arrives at the number that the original was at
    for _ in range(2):
        load_another_factor(lif, torch.ones_like(factor))
    lif(torch.ones(1, 3), None)
    return load_another_factor(copy.deepcopy(lif), factor)


def into_a_pickle(lif: snn.Leaky, factor: Tensor) -> snn.Leaky:
    lif(torch.ones(1, 3), None)
    return load_another_factor(pickle.loads(pickle.dumps(lif)), factor)


def behind_autograd(lif: snn.Leaky, factor: Tensor) -> snn.Leaky:
    lif.graded_spikes_factor.data.fill_(factor.item())
    return lif


def by_another_library(lif: snn.Leaky, factor: Tensor) -> snn.Leaky:
    torch.from_dlpack(lif.graded_spikes_factor.detach()).fill_(factor.item())
    return lif


def by_another_tensor(lif: snn.Leaky, factor: Tensor) -> snn.Leaky:
    lif.graded_spikes_factor.data = factor
    return lif


@pytest.mark.parametrize("learned", [False, True], ids=["buffer", "frozen parameter"])
@pytest.mark.parametrize(
    "change", [load_another_factor, into_a_copy, into_a_pickle, behind_autograd, by_another_library, by_another_tensor]
)
@pytest.mark.parametrize(("before", "after"), [(1.0, 2.0), (2.0, 1.0)])
def test_a_graded_factor_counts_however_it_was_changed(change, before: float, after: float, learned: bool) -> None:
    lif = snn.Leaky(beta=0.5, graded_spikes_factor=before, learn_graded_spikes_factor=learned)
    lif.graded_spikes_factor.requires_grad_(False)
    assert lif(torch.full((1, 3), 2.0), None)[0].tolist() == [[before] * 3]
    changed = change(lif, torch.tensor(after))
    assert changed(torch.full((1, 3), 2.0), None)[0].tolist() == [[after] * 3]
    assert changed.unroll(torch.full((1, 1, 3), 2.0))[0].tolist() == [[[after] * 3]]


@pytest.mark.parametrize("learned", [False, True], ids=["buffer", "parameter"])
def test_neurons_of_several_graded_factors_run_as_one(learned: bool) -> None:
    lif = snn.Leaky(beta=0.5, learn_graded_spikes_factor=learned)
    x, factors = torch.full((1, 3), 2.0), torch.tensor([1.0, 0.25, -2.0])
    lif(x)  # by itself first, when its factor is 1

    def spikes(factor: Tensor) -> Tensor:
        return torch.func.functional_call(lif, {"graded_spikes_factor": factor}, (x,))[0]

    assert torch.vmap(spikes)(factors).tolist() == [[[factor] * 3] for factor in factors.tolist()]
    gradient = torch.vmap(torch.func.grad(lambda factor: spikes(factor).sum()))(factors)
    assert gradient.tolist() == [3.0] * 3


def test_states_are_quantized_before_they_are_compared_with_the_threshold() -> None:
    # steps of 1/4, beta = 1/2: 0.9 -> 1 (silent), 0.5 + 0.6 = 1.1 -> 1 (silent), 0.5 + 0.7 = 1.2 -> 1.25 (fires)
    lif = snn.Leaky(beta=0.5, state_quant=coarse)
    spk, trace = lif.unroll(torch.tensor([0.9, 0.6, 0.7]).view(3, 1, 1), trace=True)
    assert spk.flatten().tolist() == [0, 0, 1]
    assert trace.mem.flatten().tolist() == [1.0, 1.0, 1.25]


def test_every_state_is_quantized() -> None:
    _, syn, mem = snn.Synaptic(alpha=0.5, beta=0.5, state_quant=coarse)(torch.full((1, 1), 0.6))
    assert (syn.item(), mem.item()) == (0.5, 0.5)
    _, c, h = snn.SLSTM(2, 3, state_quant=coarse)(torch.randn(4, 2))
    assert torch.equal(c * 4, (c * 4).round())
    assert torch.equal(h * 4, (h * 4).round())


def test_gradients_pass_a_straight_through_quantizer() -> None:
    x = torch.full((1, 1), 0.6, requires_grad=True)
    snn.Leaky(beta=0.5, state_quant=coarse)(x)[1].backward()
    assert x.grad.item() == 1.0


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: snn.Leaky(beta="0.9"), TypeError, r"Leaky.*beta.*'0\.9'"),
        (lambda: snn.Leaky(beta=float("nan")), ValueError, r"Leaky.*beta.*nan"),
        (lambda: snn.Leaky(beta=None), TypeError, r"Leaky.*beta.*None"),
        (lambda: snn.Leaky(beta=0.9, threshold="high"), TypeError, r"Leaky.*threshold.*'high'"),
        (lambda: snn.Leaky(beta=0.9, spike_grad="atan"), TypeError, r"Leaky.*spike_grad.*surrogate\.atan.*'atan'"),
        (lambda: snn.Leaky(beta=0.9, state_quant=8), TypeError, r"Leaky.*state_quant.*8"),
        (lambda: snn.Leaky(beta=0.9, graded_spikes_factor="2"), TypeError, r"Leaky.*graded_spikes_factor.*'2'"),
        (lambda: snn.Synaptic(alpha="0.9", beta=0.8), TypeError, r"Synaptic.*alpha.*'0\.9'"),
        (lambda: snn.Leaky(torch.tensor(1j)), TypeError, r"Leaky: beta must be real, got torch\.complex64"),
        (
            lambda: snn.Leaky(0.9, threshold=torch.empty(0)),
            ValueError,
            r"Leaky: threshold must have a value, got shape \(0,\)",
        ),
        (lambda: snn.Leaky(torch.empty(2, 0)), ValueError, r"Leaky: beta must have a value, got shape \(2, 0\)"),
    ],
    ids=lambda v: "" if callable(v) else str(v),
)
def test_an_argument_of_the_wrong_kind_names_itself_and_its_value(make, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        make()


def test_input_that_is_not_a_tensor_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"Leaky.*tensor.*list"):
        snn.Leaky(beta=0.9)([1.0, 2.0])


def test_too_many_states_are_a_type_error_that_names_them() -> None:
    x = torch.zeros(1, 1)
    with pytest.raises(TypeError, match=r"Synaptic.*syn.*mem.*3"):
        snn.Synaptic(alpha=0.9, beta=0.8)(x, x, x, x)
    with pytest.raises(TypeError, match=r"Leaky.*'mem'.*twice"):
        snn.Leaky(beta=0.9)(x, x, mem=x)


def test_a_sequence_without_steps_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"Leaky.*T >= 1.*\(0, 3, 5\)"):
        snn.Leaky(beta=0.9).unroll(torch.zeros(0, 3, 5))


def test_a_repr_shows_what_the_neuron_is() -> None:
    text = repr(snn.Leaky(beta=0.5, threshold=2.0, reset_mechanism="zero", init_hidden=True, learn_beta=True))
    for part in ("Leaky(", "beta=0.5", "threshold=2", "'zero'", "atan(alpha=2.0)", "init_hidden"):
        assert part in text


@pytest.mark.parametrize("shape", [(5,), (3, 5), (1, 3, 7)])
def test_a_constant_of_another_shape_than_the_neurons_is_named(shape: tuple[int, ...]) -> None:
    neuron = snn.Synaptic(alpha=0.5, beta=torch.full(shape, 0.9))
    message = rf"Synaptic: beta of shape {re.escape(str(shape))} does not fit input of shape \(2, 7\); pass one number"
    with pytest.raises(ValueError, match=message):
        neuron(torch.ones(2, 7))
    with pytest.raises(ValueError, match=message):
        neuron.unroll(torch.ones(4, 2, 7))


def test_a_constant_that_is_kept_in_a_range_is_named_too() -> None:
    neuron = snn.bounded(snn.Leaky(beta=torch.full((5,), 0.9)), "beta")
    for call in (lambda: neuron(torch.ones(2, 7)), lambda: neuron.unroll(torch.ones(4, 2, 7))):
        with pytest.raises(ValueError, match=r"Leaky: beta of shape \(5,\) does not fit input of shape \(2, 7\)"):
            call()


@pytest.mark.parametrize("name", ["threshold", "graded_spikes_factor"])
@pytest.mark.parametrize(
    "options", [{}, {"reset_mechanism": "zero"}, {"reset_delay": False}, {"inhibition": True}], ids=str
)
def test_a_threshold_or_graded_factor_of_another_shape_than_the_neurons_is_named(
    name: str, options: dict[str, Any]
) -> None:
    neuron = snn.Leaky(beta=0.9, init_hidden=True, **options, **{name: torch.rand(5)})
    xs = torch.ones(4, 2, 7)
    calls: list[Callable[[], Any]] = [
        lambda: neuron(xs[0]),
        lambda: neuron.step(xs[0]),
        lambda: neuron.unroll(xs),
        lambda: snn.unroll(torch.nn.Sequential(torch.nn.Flatten(), neuron), xs),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=rf"Leaky: {name} of shape \(5,\) does not fit states of shape \(2, 7\);"):
            call()


@pytest.mark.parametrize("name", ["threshold", "graded_spikes_factor"])
def test_a_threshold_of_a_cell_is_compared_with_its_states_and_not_with_its_input(name: str) -> None:
    cell = snn.SLSTM(3, 7, **{name: torch.rand(5)})
    for call in (lambda: cell(torch.ones(2, 3)), lambda: cell.unroll(torch.ones(4, 2, 3))):
        with pytest.raises(ValueError, match=rf"{name} of shape \(5,\) does not fit states of shape \(2, 7\)"):
            call()


class Resting(snn.Refractory, snn.Leaky):
    class State(NamedTuple):
        wait: Tensor
        mem: Tensor


@pytest.mark.parametrize(
    ("neuron", "name"),
    [
        (snn.DeltaLeaky(torch.rand(5), 0.9), "delta_threshold"),
        (snn.RLeaky(0.9, all_to_all=False, max_delay=2, delay=torch.rand(5)), "delay"),
        (snn.RLeaky(0.9, V=torch.rand(5), all_to_all=False), "V"),
        (Resting(beta=0.9, refractory_period=torch.ones(5)), "refractory_period"),
    ],
)
def test_a_constant_that_only_some_neurons_have_is_named_too(neuron: snn.SpikingNeuron, name: str) -> None:
    xs = torch.ones(4, 2, 7)
    message = rf"{type(neuron).__name__}: {name} of shape \(5,\) does not fit states of shape \(2, 7\);"
    for call in (lambda: neuron(xs[0]), lambda: neuron.step(xs[0]), lambda: neuron.unroll(xs)):
        with pytest.raises(ValueError, match=message):
            call()


def test_another_fault_of_a_step_stays_what_it_is() -> None:
    def fails(shifted: Tensor) -> Tensor:
        raise RuntimeError("a fault of its own")

    neuron = snn.Leaky(beta=torch.full((7,), 0.9), threshold=torch.ones(7), spike_grad=fails)
    for call in (lambda: neuron(torch.ones(2, 7)), lambda: neuron.unroll(torch.ones(4, 2, 7))):
        with pytest.raises(RuntimeError, match="a fault of its own"):
            call()


def test_another_fault_in_an_equation_stays_what_it_is() -> None:
    class Faulty(snn.Leaky):
        def integrate(self, x: Tensor, state: Any) -> Any:
            raise RuntimeError("a fault of its own")

    with pytest.raises(RuntimeError, match="a fault of its own"):
        Faulty(beta=torch.full((7,), 0.9))(torch.ones(2, 7))


@pytest.mark.parametrize("value", [0.95, torch.tensor([0.1, 0.5])], ids=str)
def test_a_learned_constant_with_a_range_stays_inside_and_goes_on_learning(value: float | torch.Tensor) -> None:
    class Fading(snn.Leaky):
        def __init__(self) -> None:
            super().__init__(beta=0.5)
            self.constant("fade", value, learn=True, low=-1, high=2)

        def integrate(self, x: torch.Tensor, state: Any) -> Any:
            return state._replace(mem=self.fade * state.mem + x)

    neuron = Fading()
    torch.testing.assert_close(neuron.fade.detach(), torch.as_tensor(value))
    xs = torch.rand(6, 3, 2) * 2
    for _ in range(3):
        before = neuron.fade.detach()
        neuron.zero_grad()
        neuron.unroll(xs)[0].sum().backward()
        torch.optim.SGD(neuron.parameters(), lr=0.01).step()
        assert bool(((neuron.fade > -1) & (neuron.fade < 2)).all())
        assert not torch.equal(neuron.fade.detach(), before)
    twin = Fading()
    twin.load_state_dict(neuron.state_dict(), strict=True)
    assert torch.equal(twin.fade, neuron.fade)
    assert torch.equal(copy.deepcopy(neuron).fade, neuron.fade)


def test_a_fixed_constant_may_lie_at_the_ends_of_its_range_and_is_a_buffer() -> None:
    lif = snn.Leaky(beta=0.9)
    lif.constant("gain", torch.tensor([0.0, 2.0]), low=0, high=2)
    assert "gain" in dict(lif.named_buffers())


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        (
            1.0,
            {"low": 0, "high": 1, "learn": True},
            r"gain must be between 0 and 1, both excluded as it is learned, got",
        ),
        (torch.tensor([0.5, -0.1]), {"low": 0, "high": 1}, r"gain must be between 0 and 1, got tensor"),
        (0.5, {"low": 0}, r"gain takes low and high together, with high greater than low, got low=0, high=None"),
        (0.5, {"high": 0}, r"got low=None, high=0"),
        (0.5, {"low": 1, "high": 1}, r"got low=1, high=1"),
    ],
)
def test_a_value_outside_of_its_range_or_half_a_range_is_refused(
    value: float | torch.Tensor, options: dict[str, Any], message: str
) -> None:
    lif = snn.Leaky(beta=0.9)
    with pytest.raises(ValueError, match=f"Leaky: .*{message}"):
        lif.constant("gain", value, **options)
    assert not hasattr(lif, "gain")


FIXED: dict[str, Callable[..., torch.nn.Module]] = {
    "beta of Leaky": lambda decay: snn.Leaky(beta=decay),
    "alpha of Synaptic": lambda decay: snn.Synaptic(alpha=decay, beta=0.5),
    "beta of RLeaky": lambda decay: snn.RLeaky(beta=decay, linear_features=3),
    "alpha of Alpha": lambda decay: snn.Alpha(alpha=decay, beta=0.5) if decay > 1 else snn.Alpha(alpha=0.5, beta=decay),
    "beta of DeltaLeaky": lambda decay: snn.DeltaLeaky(1.0, decay),
    "beta of StateLeaky": lambda decay: snn.StateLeaky(beta=decay, channels=3),
    "beta of LeakyParallel": lambda decay: snn.LeakyParallel(3, 3, beta=decay),
    "gamma of BRF": lambda decay: snn.BRF(1.0, 0.1, gamma=decay),
}


@pytest.mark.parametrize("decay", [20.0, -0.1])
@pytest.mark.parametrize("kind", FIXED)
def test_a_fixed_decay_that_is_clamped_says_so_and_names_what_makes_one_of_seconds(kind: str, decay: float) -> None:
    with pytest.warns(
        UserWarning, match=rf"{kind.split()[-1]}: \w+ is a decay per step and is clamped.*snn\.decay\(tau, dt\)"
    ):
        FIXED[kind](decay)


@pytest.mark.parametrize("decay", [0.0, 1.0, 0.5])
@pytest.mark.parametrize("kind", [kind for kind in FIXED if "Alpha" not in kind])
def test_a_decay_in_its_range_warns_of_nothing(kind: str, decay: float) -> None:
    FIXED[kind](decay)


def test_a_learned_decay_outside_of_its_range_is_unchanged() -> None:
    assert snn.Leaky(beta=1.5, learn_beta=True).beta.item() == 1.5
