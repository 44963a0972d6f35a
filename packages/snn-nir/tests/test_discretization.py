"""Time constants as decays per step."""

from __future__ import annotations

import math

import pytest
import torch

import snn_core as snn
from snn_nir import decay, discretized_decay, rise


@pytest.mark.parametrize("tau", [0.7, 2.5e-3, 1.0])
def test_euler_is_the_first_order_of_exact(tau):
    dt = tau * 1e-3
    assert rise(tau, dt) == dt / tau
    assert rise(tau, dt, "exact") == pytest.approx(1 - math.exp(-dt / tau), rel=1e-12)
    assert rise(tau, dt) - rise(tau, dt, "exact") == pytest.approx((dt / tau) ** 2 / 2, rel=1e-3)


@pytest.mark.parametrize("method", ["euler", "exact"])
def test_a_tensor_gives_what_its_numbers_give(method):
    tau = torch.tensor([[0.3, 0.01], [7.0, 1e-3]], dtype=torch.float64)
    expected = [[rise(float(t), 1e-4, method) for t in row] for row in tau]
    torch.testing.assert_close(rise(tau, 1e-4, method), torch.tensor(expected, dtype=torch.float64), rtol=1e-14, atol=0)


@pytest.mark.parametrize("method", ["euler", "exact"])
def test_decay_and_rise_add_up_to_one(method):
    tau = torch.tensor([0.3, 0.01], dtype=torch.float64)
    torch.testing.assert_close(
        discretized_decay(tau, 1e-3, method) + rise(tau, 1e-3, method), torch.ones(2, dtype=torch.float64)
    )


def test_exact_steps_compose():
    assert discretized_decay(0.02, 3e-3, "exact") == pytest.approx(
        discretized_decay(0.02, 1e-3, "exact") ** 3, rel=1e-14
    )


def test_a_small_step_keeps_its_digits():
    tau = torch.tensor([1.0])
    assert rise(tau, 1e-9, "exact").item() == pytest.approx(1e-9, rel=1e-6)


@pytest.mark.parametrize("method", ["euler", "exact"])
def test_the_gradient_by_the_time_constant_is_right(method):
    tau = torch.tensor([0.3, 0.01], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: rise(t, 1e-3, method), tau)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="method must be one of euler, exact, got 'zoh'"):
        rise(1.0, 0.1, "zoh")


@pytest.mark.parametrize("method", ["euler", "exact"])
def test_the_name_that_it_had_warns_and_names_the_new_one(method):
    with pytest.warns(DeprecationWarning, match=r"snn\.nir\.decay is now called snn\.nir\.discretized_decay") as error:
        share = decay(0.02, 3e-3, method)
    assert share == discretized_decay(0.02, 3e-3, method)
    assert [warning.filename for warning in error] == [__file__]


@pytest.mark.parametrize("tau", [0.02, torch.tensor([0.3, 0.01], dtype=torch.float64)])
def test_exact_is_the_decay_of_the_core_and_euler_is_another(tau):
    torch.testing.assert_close(discretized_decay(tau, 1e-3, "exact"), snn.decay(tau, 1e-3), rtol=1e-14, atol=0)
    assert (torch.as_tensor(discretized_decay(tau, 1e-3)) < torch.as_tensor(snn.decay(tau, 1e-3))).all()
