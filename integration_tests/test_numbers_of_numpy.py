"""Numbers of NumPy, which the core does not need, as constants and sizes of neurons."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import snn_core as snn


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, np.int64, np.uint8])
def test_a_constant_has_the_dtype_of_a_number_of_python(kind: type):
    lif = snn.Leaky(beta=kind(1), threshold=kind(2), learn_beta=True)
    assert lif.beta.dtype == lif.threshold.dtype == torch.get_default_dtype()
    assert (lif.beta.item(), lif.threshold.item()) == (1.0, 2.0)


def test_the_largest_delay_becomes_a_number_of_python():
    most = np.int64(3)
    recurrent = snn.RLeaky(0.9, linear_features=2, max_delay=most, init_hidden=True)
    for layer in (snn.AxonalDelay(most), snn.DelayedLinear(2, 2, most), recurrent):
        assert type(layer.max_delay) is int
        assert snn.unroll(layer, torch.rand(5, 3, 2)).shape == (5, 3, 2)
