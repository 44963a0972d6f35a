"""Poisson trains: counts, intervals, randomness."""

import math

import pytest
import torch

from snn_spikegen import poisson


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dt", [1e-3, 5e-4])
@pytest.mark.parametrize("hertz", [5, 50, 400])
def test_the_count_is_that_of_the_rate(hertz, dt):
    steps, trains = 1000, 50
    spikes = poisson(torch.full((trains,), float(hertz)), steps, dt, generator=seeded())
    p = hertz * dt
    # Binomial over all trains: five standard deviations, a chance of 6e-7 if the draws are right.
    assert abs(spikes.sum().item() - steps * trains * p) < 5 * math.sqrt(steps * trains * p * (1 - p))


def test_the_steps_between_spikes_are_geometric():
    spikes = poisson(torch.tensor(100.0), 200_000, generator=seeded())
    gaps = spikes.nonzero().squeeze(1).diff().double()
    # p = 0.1: mean 10, standard deviation sqrt(0.9) / 0.1 = 9.49; a tenth of the gaps is 1. Five standard deviations.
    assert abs(gaps.mean().item() - 10) < 5 * 9.49 / math.sqrt(len(gaps))
    assert abs((gaps == 1).double().mean().item() - 0.1) < 5 * math.sqrt(0.09 / len(gaps))
    assert abs(gaps.std().item() / 9.49 - 1) < 5 * math.sqrt(2 / len(gaps))


def test_counts_vary_as_those_of_a_binomial():
    counts = poisson(torch.full((2000,), 200.0), 100, generator=seeded()).sum(0)
    # Variance 100 * 0.2 * 0.8 = 16, its estimate known within sqrt(2 / 2000) of itself; five of these.
    assert abs(counts.var().item() / 16 - 1) < 5 * math.sqrt(2 / 2000)


def test_a_rate_of_zero_is_silent_and_one_of_a_spike_a_step_never_is():
    spikes = poisson(torch.tensor([0.0, 1000.0]), num_steps=7)
    assert torch.equal(spikes, torch.tensor([0.0, 1.0]).expand(7, 2))


def test_a_last_bit_of_rounding_is_not_an_excess():
    # 1 / 3e-3 rounds up in float32, so that the product with dt passes 1.
    assert torch.equal(poisson(torch.tensor(1 / 3e-3), 5, 3e-3), torch.ones(5))


@pytest.mark.parametrize(
    ("dtype", "above"),
    [(torch.float16, 1000.5), (torch.bfloat16, 1004.0), (torch.float32, 1000 + 2**-14), (torch.float64, 1000 + 2**-43)],
)
def test_the_next_number_above_one_spike_a_step_is_refused(dtype, above):
    assert torch.equal(poisson(torch.tensor(1000.0, dtype=dtype), 3), torch.ones(3, dtype=dtype))
    rate = torch.tensor(above, dtype=dtype)
    assert rate.item() == above
    with pytest.raises(
        ValueError, match=rf"rate must be .* at most 1000\.0 Hz with dt=0\.001 s, got values in .*{above}\]"
    ):
        poisson(rate, 3)


def test_one_generator_state_gives_one_train_and_leaves_the_global_one_alone():
    before = torch.get_rng_state()
    rates = torch.full((5,), 300.0)
    assert torch.equal(poisson(rates, 20, generator=seeded()), poisson(rates, 20, generator=seeded()))
    assert not torch.equal(poisson(rates, 20, generator=seeded()), poisson(rates, 20, generator=seeded(1)))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_dtype_and_the_shape_stay(dtype):
    spikes = poisson(torch.full((3, 5), 500.0, dtype=dtype), 7, generator=seeded())
    assert spikes.dtype == dtype
    assert spikes.shape == (7, 3, 5)


def test_integers_and_empty_batches_are_rates():
    assert poisson(torch.tensor([0, 250], dtype=torch.uint8), 3, 4e-3).tolist() == [[0, 1]] * 3
    assert poisson(torch.zeros(0, 3), 5).shape == (5, 0, 3)
