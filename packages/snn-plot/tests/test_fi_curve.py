"""fi_curve: the rate at which a neuron fires, against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from snn_plot import fi_curve


def leaky(beta, reset_to_zero=True):
    """A leaky neuron written step by step, threshold 1."""

    def respond(xs):
        mem, spk = torch.zeros_like(xs[0]), []
        for x in xs:
            fired = mem > 1
            mem = beta * torch.where(fired, 0.0, mem) + x if reset_to_zero else beta * mem + x - fired.to(x.dtype)
            spk.append(mem > 1)
        return torch.stack(spk).float(), mem

    return respond


@pytest.mark.usefixtures("untouched")
def test_a_neuron_without_a_leak_fires_at_the_rate_of_its_input(ax):
    inputs = torch.tensor([0.0, 0.125, 0.25, 0.5, 0.75])
    assert fi_curve(leaky(1.0, reset_to_zero=False), inputs, ax=ax, num_steps=800) is ax
    (line,) = ax.lines
    assert line.get_xdata().tolist() == inputs.tolist()
    # the threshold must be exceeded, which is why the first spike is up to two intervals late
    np.testing.assert_allclose(line.get_ydata(), inputs, atol=2.5 / 800)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Input (membrane units per step)", "Firing rate (spikes per step)")


def test_a_leaky_neuron_fires_as_its_closed_form_says(ax):
    beta, num_steps = 0.9, 5000
    inputs = torch.tensor([0.05, 0.095, 0.11, 0.15, 0.21, 0.33])
    fi_curve(leaky(beta), inputs, ax=ax, num_steps=num_steps)
    # from rest U[n] = I (1 - beta^n) / (1 - beta), which first exceeds 1 at the interval n
    expected = []
    for current in inputs.tolist():
        left = 1 - (1 - beta) / current
        interval = math.floor(math.log(left) / math.log(beta)) + 1 if left > 0 else math.inf
        expected.append(num_steps // interval / num_steps)
    assert expected[:2] == [0, 0]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), expected, atol=1.01 / num_steps)


def test_a_step_in_seconds_gives_hertz(ax):
    fi_curve(lambda xs: xs > 0.5, [0.0, 1.0], ax=ax, num_steps=7, dt=1e-3)
    assert ax.lines[0].get_ydata().tolist() == [0, 1000]
    assert ax.get_ylabel() == "Firing rate (Hz)"


def test_a_callable_gets_each_constant_input_as_a_batch(ax):
    inputs = []

    def respond(xs):
        inputs.append((xs.clone(), torch.is_grad_enabled()))
        return xs

    fi_curve(respond, np.array([0.0, 1.0, 2.0]), ax=ax, num_steps=1)
    ((xs, grad),) = inputs
    assert xs.tolist() == [[[0], [1], [2]]]
    assert xs.dtype == torch.get_default_dtype()
    assert not grad


def test_a_population_is_averaged(ax):
    fi_curve(lambda xs: (xs > torch.tensor([0.5, 1.5]), "state"), [0, 1, 2], ax=ax, num_steps=5)
    assert ax.lines[0].get_ydata().tolist() == [0, 0.5, 1]


def test_several_neurons_are_distinguished_by_name_and_color(ax):
    fi_curve({"fast": lambda xs: xs > 0, "slow": lambda xs: xs > 1}, [0.5, 2], ax=ax, num_steps=3, linewidth=4)
    first, second = ax.lines
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["fast", "slow"]
    assert (first.get_ydata().tolist(), second.get_ydata().tolist()) == ([1, 1], [0, 1])
    assert first.get_color() != second.get_color()
    assert second.get_linewidth() == 4


def test_a_noisy_neuron_leaves_the_generator_as_it_was(ax):
    before = torch.random.get_rng_state()
    fi_curve(lambda xs: torch.rand_like(xs) < xs, [0.0, 1.0], ax=ax)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert ax.lines[0].get_ydata().tolist() == [0, 1]


@pytest.mark.parametrize(
    ("respond", "error", "message"),
    [
        (3, TypeError, r"respond must be a callable that turns inputs \[time, inputs, 1\] into spikes"),
        ({}, ValueError, "respond is empty"),
        (lambda xs: None, TypeError, "respond must return spikes as a tensor, .* got NoneType"),
        (lambda xs: (), TypeError, "got tuple"),
        (lambda xs: xs[0], ValueError, r"for inputs \[9, 2, 1\], got \[2, 1\]"),
        (lambda xs: xs.transpose(0, 1), ValueError, r"got \[2, 9, 1\]"),
        (lambda xs: xs[..., :0], ValueError, r"got \[9, 2, 0\]"),
        (lambda xs: xs * float("nan"), ValueError, "spikes contains 18 values that are NaN"),
    ],
)
def test_functions_that_give_no_spikes_are_refused(ax, respond, error, message):
    with pytest.raises(error, match=message):
        fi_curve(respond, [0.0, 1.0], ax=ax, num_steps=9)
    assert not ax.has_data()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_steps": 0}, "num_steps must be 1 or more whole steps"),
        ({"num_steps": 1.5}, "num_steps must be 1 or more whole steps"),
        ({"dt": 0.0}, "dt must be greater than 0, in seconds"),
    ],
)
def test_bad_arguments_are_refused(ax, arguments, message):
    with pytest.raises(ValueError, match=message):
        fi_curve(torch.relu, [0.0], ax=ax, **arguments)
