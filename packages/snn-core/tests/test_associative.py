"""AssociativeLeaky against the recurrence of its matrix-valued membrane."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import snn_core as snn

from .zoo import close


def recurrence(neuron: snn.AssociativeLeaky, xs: Tensor, d: int, n: int) -> Tensor:
    """M_t = M_{t-1} diag(a_t) + v_t k_t^T, flattened, for every step."""
    v, k, a = neuron.to_v(xs), neuron.to_k(xs), torch.sigmoid(neuron.to_alpha(xs))
    mem = torch.zeros(xs.shape[1], d, n, dtype=xs.dtype)
    mems = []
    for t in range(len(xs)):
        mem = mem * a[t][:, None, :] + v[t][:, :, None] * k[t][:, None, :]
        mems.append(mem.flatten(1))
    return torch.stack(mems)


def strong(d: int, n: int, **options) -> snn.AssociativeLeaky:
    torch.manual_seed(0)
    neuron = snn.AssociativeLeaky(5, d, n, d * n, **options).double()
    with torch.no_grad():
        for weight in neuron.parameters():
            weight.mul_(2.0)
    return neuron


@pytest.mark.parametrize("num_steps", [1, 7, 100, 400])
def test_its_spikes_are_those_of_its_own_recurrence_at_any_length(num_steps: int) -> None:
    neuron = strong(3, 2, use_q_projection=False)
    xs = torch.randn(num_steps, 2, 5, dtype=torch.float64)
    expected = (recurrence(neuron, xs, 3, 2) > 1).double()
    assert torch.equal(neuron(xs), expected)
    if num_steps > 7:
        assert 0.01 < expected.mean() < 0.99


def test_the_read_out_multiplies_the_spikes_by_the_query() -> None:
    neuron = strong(3, 2)
    xs = torch.randn(7, 2, 5, dtype=torch.float64)
    spk = (recurrence(neuron, xs, 3, 2) > 1).double().unflatten(-1, (3, 2))
    query = neuron.to_q(xs).unflatten(-1, (2, 3))
    close(neuron(xs), (spk @ query).flatten(2))


def test_gradients_equal_those_of_the_recurrence() -> None:
    neuron = strong(3, 2, use_q_projection=False)
    xs = torch.randn(20, 2, 5, dtype=torch.float64)
    weights = [p for name, p in neuron.named_parameters() if name.startswith("to_")]
    mems = recurrence(neuron, xs, 3, 2)
    expected = torch.autograd.grad(snn.surrogate.atan()(mems - 1).sum(), weights)
    torch.testing.assert_close(torch.autograd.grad(neuron(xs).sum(), weights), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("sizes", "named"),
    [
        ((0, 2, 2, None), "in_dim"),
        ((5, 0, 2, None), "d_value"),
        ((5, 2, 2.0, None), "d_key"),
        ((5, 2, 2, 5), "num_spiking_neurons"),
    ],
)
def test_sizes_that_do_not_agree_are_errors(sizes: tuple, named: str) -> None:
    with pytest.raises(ValueError, match=rf"AssociativeLeaky.*{named}"):
        snn.AssociativeLeaky(*sizes)


def test_a_missing_number_of_neurons_is_the_product_of_the_sizes() -> None:
    assert snn.AssociativeLeaky(5, 3, 2, None, use_q_projection=False)(torch.randn(4, 2, 5)).shape == (4, 2, 6)
