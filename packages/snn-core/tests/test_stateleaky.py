"""StateLeaky and LinearLeaky: leaky integration without a reset, over whole sequences."""

from __future__ import annotations

import math

import pytest
import torch

import snn_core as snn

from .zoo import close


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


def test_a_saved_time_constant_brings_its_decay_along() -> None:
    neuron = snn.StateLeaky(beta=0.5, channels=1)
    saved = neuron.state_dict()
    assert saved["tau"].item() == pytest.approx(1 / math.log(2), rel=1e-5)
    assert saved.keys() == {"threshold", "graded_spikes_factor", "reset_mechanism_val", "beta", "tau"}
    neuron.load_state_dict(dict(saved) | {"tau": torch.tensor(10.0), "beta": torch.tensor(0.9)}, strict=True)
    _, mem = neuron(torch.tensor([1.0, 0.0]).view(2, 1, 1))
    assert mem[1].item() == pytest.approx(math.exp(-0.1))
    assert neuron.state_dict()["tau"].item() == pytest.approx(10.0, rel=1e-5)


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


def test_long_sequences_do_not_lose_precision_or_overflow() -> None:
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
