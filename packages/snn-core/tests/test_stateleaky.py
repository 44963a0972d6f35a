"""StateLeaky and LinearLeaky: leaky integration without a reset, over whole sequences."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

import snn_core as snn

from .zoo import close


class Writes(TorchDispatchMode):
    """Counts the numbers that operations write."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.numbers += out.numel() if isinstance(out, torch.Tensor) else 0
        return out


def integrate(xs: torch.Tensor, beta: float | torch.Tensor, window: int | None = None) -> torch.Tensor:
    """U[t] = sum over k < window of beta^k x[t - k]."""
    window = len(xs) if window is None else window
    return torch.stack([sum(beta**k * xs[t - k] for k in range(min(t + 1, window))) for t in range(len(xs))])


@pytest.mark.parametrize("beta", [0.75, 0.0, 1.0], ids=str)
@pytest.mark.parametrize("window", [None, 1, 3, 100])
def test_the_membrane_is_the_input_weighted_by_powers_of_beta(beta: float, window: int | None) -> None:
    xs = torch.randn(11, 3, 5, dtype=torch.float64)
    neuron = snn.StateLeaky(beta=beta, channels=5, kernel_truncation_steps=window).double()
    spk, mem = neuron(xs)
    torch.testing.assert_close(mem, integrate(xs, beta, window), rtol=1e-6, atol=1e-6)
    assert torch.equal(spk, (mem > 1).double())


@settings(max_examples=40)
@given(st.integers(1, 23), st.integers(1, 26), st.sampled_from(["one", "each"]), st.integers(0, 9))
def test_values_and_gradients_of_a_window_are_those_of_the_sum(steps: int, window: int, kind: str, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    xs = torch.randn(steps, 2, 3, dtype=torch.float64, generator=generator).requires_grad_()
    beta = torch.tensor({"one": 0.9, "each": [0.0, 0.7, 1.0]}[kind], dtype=torch.float64)
    neuron = snn.StateLeaky(beta, channels=3, learn_beta=True, kernel_truncation_steps=window).double()
    spk, mem = neuron(xs)
    expected = integrate(xs, neuron.beta, window)
    torch.testing.assert_close(mem, expected, rtol=1e-12, atol=1e-12)
    assert torch.equal(spk, (mem > 1).double())
    weights = torch.randn(mem.shape, dtype=torch.float64, generator=generator)
    inputs = [xs, neuron.beta]  # the latter unused by a window of one step
    gradients = [torch.autograd.grad((o * weights).sum(), inputs, materialize_grads=True) for o in (mem, expected)]
    for left, right in zip(*gradients, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("window", [1, 3, 4, 7])
@pytest.mark.parametrize("value", [1e8, 3e38, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("beta", [0.0, 0.9, 1.0])
def test_an_input_leaves_no_trace_once_it_is_older_than_the_window(value: float, window: int, beta: float) -> None:
    xs = torch.rand(20, 2, 3)
    odd = xs.clone()
    odd[5] = value
    odd.requires_grad_()
    neuron = snn.StateLeaky(beta=beta, channels=3, kernel_truncation_steps=window)
    spk, mem = neuron(odd)
    for out, expected in zip((spk, mem), neuron(xs), strict=True):
        assert torch.equal(out[:5], expected[:5])
        assert torch.equal(out[5 + window :], expected[5 + window :])
    (grad,) = torch.autograd.grad(mem[5 + window :].sum(), odd)
    assert grad.isfinite().all()
    assert not grad[:6].any()
    _, last = neuron.unroll(odd)
    assert torch.equal(last.mem, mem[-1])


def test_a_window_over_ten_times_the_steps_takes_ten_times_the_work() -> None:
    def numbers(steps: int) -> int:
        with Writes() as counted:
            snn.StateLeaky(beta=0.9, channels=3, kernel_truncation_steps=50)(torch.ones(steps, 1, 3))
        return counted.numbers

    assert numbers(10_000) < 10.5 * numbers(1_000)
    assert numbers(1_000) < 1_000 * 3 * 60  # and not 50 times three for each window of 50


def test_a_window_without_a_kernel_is_not_reported_to_run_on_one() -> None:
    net = torch.nn.Sequential(snn.StateLeaky(beta=0.9, channels=3, kernel_truncation_steps=4, output=False))
    for steps, windowed in ((9, True), (4, False)):
        _, plan = snn.unroll(net, torch.rand(steps, 2, 3), explain=True)
        assert (plan.layers[0].how == "windows of 4 steps, by plain torch operations") == windowed


@pytest.mark.parametrize("window", [None, 3])
def test_one_channel_stands_for_any_number_of_equal_ones(window: int | None) -> None:
    xs = torch.randn(7, 2, 1000, dtype=torch.float64)
    single, each = (
        snn.StateLeaky(0.75, channels=n, kernel_truncation_steps=window, threshold=threshold).double()
        for n, threshold in ((1, torch.linspace(0.5, 1.5, 1000)), (1000, torch.linspace(0.5, 1.5, 1000)))
    )
    for left, right in zip(single(xs), each(xs), strict=True):
        assert torch.equal(left, right)
    with pytest.raises(ValueError, match=r"StateLeaky takes 3 channels, got input of shape \(2, 1000\)"):
        snn.StateLeaky(0.75, channels=3, kernel_truncation_steps=window)(xs)


def test_each_channel_decays_by_its_own_beta() -> None:
    beta = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
    xs = torch.randn(7, 2, 3, dtype=torch.float64)
    _, mem = snn.StateLeaky(beta=beta, channels=3).double()(xs)
    torch.testing.assert_close(mem, integrate(xs, beta), rtol=1e-6, atol=1e-6)


def test_beta_itself_is_the_decay_per_step() -> None:
    # an impulse after one step: 0.75, and not exp(-0.25) = 0.7788
    xs = torch.tensor([1.0, 0.0]).view(2, 1, 1)
    _, mem = snn.StateLeaky(beta=0.75, channels=1)(xs)
    assert mem.flatten().tolist() == pytest.approx([1.0, 0.75])


def test_the_graded_factor_is_applied_once() -> None:
    spk, _ = snn.StateLeaky(beta=0.5, channels=1, graded_spikes_factor=3.0)(torch.full((1, 1, 1), 2.0))
    assert spk.item() == 3.0


def test_a_saved_time_constant_brings_its_decay() -> None:
    neuron = snn.StateLeaky(beta=0.5, channels=1)
    saved = neuron.state_dict()
    assert saved["tau"].item() == pytest.approx(1 / math.log(2), rel=1e-5)
    assert saved.keys() == {"threshold", "graded_spikes_factor", "reset_mechanism_val", "beta", "tau"}
    neuron.load_state_dict(dict(saved) | {"tau": torch.tensor(10.0), "beta": torch.tensor(0.9)}, strict=True)
    _, mem = neuron(torch.tensor([1.0, 0.0]).view(2, 1, 1))
    assert mem[1].item() == pytest.approx(math.exp(-0.1))
    assert neuron.state_dict()["tau"].item() == pytest.approx(10.0, rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_a_saved_time_constant_of_another_decay_wins_neuron_by_neuron(dtype: torch.dtype) -> None:
    beta = torch.tensor([0.123, 0.5, 0.9, 1.0, 0.0, 1.5], dtype=dtype)
    neuron = snn.StateLeaky(beta=beta, channels=6, learn_beta=True).to(dtype)
    saved = dict(neuron.state_dict())
    # as snnTorch makes them of beta: its mean life instead of its time constant
    tau = torch.where(torch.arange(6) < 3, 1 / (1 - beta), saved["tau"])
    neuron.load_state_dict(saved | {"tau": tau})
    expected = torch.cat([torch.exp(-1 / tau[:3]), beta[3:]])
    assert torch.equal(neuron.beta, expected)
    assert (neuron.beta[:3] != beta[:3]).all()
    for infinite in (math.inf, -math.inf):  # versions up to 0.5.1 saved the latter
        neuron.load_state_dict(saved | {"beta": torch.full_like(beta, 1.5), "tau": torch.full_like(beta, infinite)})
        assert neuron.beta.tolist() == [1.5] * 6
    del saved["beta"]
    neuron.load_state_dict(saved)
    torch.testing.assert_close(neuron.beta, beta.clamp(max=1), rtol=1e-1, atol=0)


def test_a_membrane_that_never_decays_has_an_infinite_time_constant() -> None:
    neuron = snn.StateLeaky(torch.tensor([1.0, 1.5, 0.0, -0.5]), channels=4, learn_beta=True)
    assert neuron.tau.tolist() == [math.inf, math.inf, 0, 0]


@pytest.mark.parametrize("wrong", [True, 2.5, 1.0, -1, 0, "3"])
@pytest.mark.parametrize("name", ["channels", "kernel_truncation_steps"])
def test_a_size_that_is_not_a_whole_number_is_an_error(name: str, wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"StateLeaky: {name} must be a whole number, 1 or more, got {wrong!r}"):
        snn.StateLeaky(**{"beta": 0.5, "channels": 3} | {name: wrong})


def test_a_learnable_beta_gets_the_gradient_of_the_sum() -> None:
    neuron = snn.StateLeaky(beta=0.5, channels=1, learn_beta=True).double()
    xs = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64).view(3, 1, 1)
    _, mem = neuron(xs)
    # U[2] = 4 + 2 b + b^2
    assert mem[2].item() == pytest.approx(5.25)
    (parameter,) = neuron.parameters()
    mem[2].sum().backward()
    before = mem[2].item()
    with torch.no_grad():
        parameter.add_(1e-6)
    slope = (neuron(xs)[1][2].item() - before) / 1e-6
    assert parameter.grad.item() == pytest.approx(slope, rel=1e-4)
    assert parameter.grad.item() != 0


def test_without_output_the_membrane_comes_alone_and_spike_options_are_warned_about() -> None:
    mem = snn.StateLeaky(beta=0.5, channels=3, output=False)(torch.ones(2, 1, 3))
    assert mem.shape == (2, 1, 3)
    assert mem[1].unique().item() == 1.5
    for options in ({"learn_threshold": True}, {"graded_spikes_factor": 2.0}, {"surrogate_disable": True}):
        with pytest.warns(UserWarning, match=r"StateLeaky.*output=False"):
            snn.StateLeaky(beta=0.5, channels=3, output=False, **options)


def test_linear_leaky_is_a_linear_layer_and_then_state_leaky() -> None:
    both = snn.LinearLeaky(beta=0.75, in_features=5, out_features=3).double()
    alone = snn.StateLeaky(beta=0.75, channels=3).double()
    xs = torch.randn(7, 2, 5, dtype=torch.float64, requires_grad=True)
    projected = torch.nn.functional.linear(xs, both.linear.weight, both.linear.bias)
    outputs, expected = both(xs), alone(projected)
    close(outputs, expected)
    loss = [o[0].sum() + o[1].square().sum() for o in (outputs, expected)]
    close(*(torch.autograd.grad(value, [xs, both.linear.weight], retain_graph=True) for value in loss))


@pytest.mark.parametrize("beta", [torch.ones(2), torch.ones(3, 1)], ids=str)
def test_a_beta_that_fits_no_channel_is_an_error(beta: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"StateLeaky.*beta.*3"):
        snn.StateLeaky(beta=beta, channels=3)


@pytest.mark.parametrize("window", [0, -2])
def test_a_window_of_no_steps_is_an_error(window: int) -> None:
    with pytest.raises(ValueError, match=r"StateLeaky.*kernel_truncation_steps"):
        snn.StateLeaky(beta=0.5, channels=3, kernel_truncation_steps=window)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_spikes_and_membrane_keep_the_dtype_of_the_input(dtype: torch.dtype) -> None:
    spk, mem = snn.StateLeaky(beta=0.5, channels=3)(torch.ones(4, 2, 3, dtype=dtype))
    assert spk.dtype == mem.dtype == dtype


def test_long_sequences_neither_lose_precision_nor_overflow() -> None:
    xs = torch.randn(3000, 1, 2, dtype=torch.float64)
    _, mem = snn.StateLeaky(beta=torch.tensor([0.5, 0.999], dtype=torch.float64), channels=2).double()(xs)
    expected = torch.zeros(1, 2, dtype=torch.float64)
    beta = torch.tensor([0.5, 0.999], dtype=torch.float64)
    for x in xs:
        expected = beta * expected + x
    torch.testing.assert_close(mem[-1], expected, rtol=1e-6, atol=1e-8)


def test_an_initial_membrane_may_be_passed_by_name() -> None:
    # U[0] = 0.5 * 4 + 1, U[1] = 0.5 * 3 + 1
    mem = snn.StateLeaky(beta=0.5, channels=1, output=False)(torch.ones(2, 1, 1), mem=torch.full((1, 1), 4.0))
    assert mem.flatten().tolist() == [3.0, 2.5]


@pytest.mark.parametrize("layer", [snn.LeakyParallel(1, 2), snn.AssociativeLeaky(1, 1, 1, 1)], ids=repr)
def test_a_sequence_layer_without_an_initial_state_takes_none(layer) -> None:
    with pytest.raises(TypeError):
        layer(torch.ones(2, 1, 1), torch.zeros(1, 1))
