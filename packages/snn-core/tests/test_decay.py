"""Time constants in seconds become decays per step."""

from __future__ import annotations

import math

import pytest
import torch

import snn_core as snn

from .test_constants import Array


def test_a_decay_is_the_exponential_of_minus_a_step_over_the_time_constant() -> None:
    assert snn.decay(tau=20e-3, dt=1e-3) == pytest.approx(math.exp(-0.05))
    taus = torch.tensor([1e-3, 2e-3], dtype=torch.float64)
    torch.testing.assert_close(snn.decay(taus, dt=1e-3), torch.exp(torch.tensor([-1.0, -0.5], dtype=torch.float64)))


def test_after_one_time_constant_a_membrane_has_decayed_to_one_over_e() -> None:
    lif = snn.Leaky(beta=snn.decay(tau=10e-3, dt=1e-3), threshold=100.0)
    xs = torch.zeros(11, 1, 1)
    xs[0] = 1.0
    _, last = lif.unroll(xs)
    assert last.mem.item() == pytest.approx(math.exp(-1), rel=1e-5)


@pytest.mark.parametrize(
    ("tau", "dt", "named"),
    [
        (0.0, 1e-3, "tau"),
        (-1.0, 1e-3, "tau"),
        (torch.tensor([1.0, 0.0]), 1e-3, "tau"),
        (1.0, 0.0, "dt"),
        (1.0, -1.0, "dt"),
        (Array("d", [1.0, -1.0]), 1.0, "tau"),
    ],
)
def test_times_that_are_not_positive_are_errors(tau, dt, named: str) -> None:
    with pytest.raises(ValueError, match=rf"decay.*{named}.*greater than 0"):
        snn.decay(tau, dt)


@pytest.mark.parametrize("tau", [1.0, math.inf, torch.tensor(math.inf)], ids=str)
def test_an_infinite_step_is_an_error(tau) -> None:
    with pytest.raises(ValueError, match="decay: dt must be finite, got inf"):
        snn.decay(tau, math.inf)


def test_an_infinite_time_constant_never_decays() -> None:
    assert snn.decay(math.inf, 1e-3) == snn.decay(torch.tensor(math.inf), 1e-3) == 1


@pytest.mark.parametrize("kind", ["d", "f", "q"])
def test_arrays_are_taken_as_tensors(kind: str) -> None:
    taus = Array(kind, [1, 2, 3])
    outputs = snn.decay(taus, dt=1.0)
    torch.testing.assert_close(outputs, snn.decay(torch.tensor([1.0, 2.0, 3.0]), dt=1.0), check_dtype=False)
    assert snn.Leaky(beta=outputs).beta.shape == (3,)
