"""Whole numbers that no float holds are refused by name, as infinity is."""

from fractions import Fraction

import pytest
import torch

import snn_functional as SF

HUGE = 10**400
CALLS = {
    "Lambda": SF.l1_rate_sparsity,
    "on_target": SF.mse_membrane_loss,
    "off_target": SF.mse_membrane_loss,
    "correct_rate": SF.mse_count_loss,
    "tolerance": SF.mse_temporal_loss,
    "threshold": SF.quant.state_quant,
    "upper_limit": SF.quant.state_quant,
    "dt": lambda dt: SF.firing_rate(torch.rand(3, 2, 1), dt),
    "exploding": SF.diagnosis.Limits,
}


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", CALLS)
def test_a_number_that_no_float_holds_is_refused(name, sign):
    with pytest.raises(ValueError, match=f"{name} must fit into a float, got an int of 1329 bits"):
        CALLS[name](**{name: sign * HUGE})


def test_a_fraction_that_no_float_holds_is_refused():
    with pytest.raises(ValueError, match="Lambda must fit into a float, got a Fraction"):
        SF.l1_rate_sparsity(Fraction(10**400, 3))
