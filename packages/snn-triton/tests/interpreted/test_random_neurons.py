"""Neurons that nobody has thought of: equations drawn at random, by their kernels and step by step."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snn_core import kernels

from .tests_of_core import random_neurons


@pytest.mark.usefixtures("wide")
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_neuron_drawn_at_random_is_its_kernels(data: Any) -> None:
    width, trace = data.draw(st.sampled_from([1, 5, 19])), data.draw(st.booleans())
    neuron = data.draw(random_neurons.neurons(width))
    generator = torch.Generator().manual_seed(width)
    xs = torch.randn(data.draw(st.integers(1, 6)), 2, width, dtype=torch.float64, generator=generator) * 1.5
    choice = kernels.choose(neuron, xs)
    assert choice.name == "snn-triton", choice.reason
    result = random_neurons.outcome(neuron, xs, neuron.unroll, trace)
    expected = random_neurons.outcome(
        neuron, xs, lambda x, state, trace: kernels.loop(neuron.advance, x, state, trace), trace
    )
    for actual, reference in zip(result, expected, strict=True):
        scale = max(1.0, float(reference.detach().abs().max()))
        assert math.isfinite(scale)
        torch.testing.assert_close(actual, reference, rtol=1e-11, atol=1e-11 * scale)
