"""Tests of randomness: a function draws from its generator, and never from the global source."""

import inspect

import pytest
import torch

import snn_spikegen

HALF = torch.full((7, 3), 0.5)
LABELS = torch.tensor([0, 2, 1])
RATES = {"num_classes": 3, "num_steps": 50, "correct_rate": 0.6, "incorrect_rate": 0.3, "firing_pattern": "uniform"}
DRAWS = {
    "rate": lambda **g: snn_spikegen.rate(HALF, 5, **g),
    "rate_conv": lambda **g: snn_spikegen.rate_conv(HALF, **g),
    "poisson": lambda **g: snn_spikegen.poisson(HALF * 1000, 5, **g),
    "target_rate_code": lambda **g: snn_spikegen.target_rate_code(50, 3, 0.5, "poisson", **g)[0],
    "targets_rate": lambda **g: snn_spikegen.targets_rate(LABELS, **RATES, **g),
    "targets_convert": lambda **g: snn_spikegen.targets_convert(LABELS, **RATES, **g),
}
CERTAIN = {
    "latency": lambda: snn_spikegen.latency(HALF, 5, normalize=True),
    "latency_code": lambda: snn_spikegen.latency_code(HALF),
    "latency_code_log": lambda: snn_spikegen.latency_code_log(HALF),
    "latency_code_linear": lambda: snn_spikegen.latency_code_linear(HALF),
    "latency_interpolate": lambda: snn_spikegen.latency_interpolate(HALF, 5),
    "delta": lambda: snn_spikegen.delta(HALF),
    "phase": lambda: snn_spikegen.phase(HALF, 5),
    "burst": lambda: snn_spikegen.burst(HALF, 5),
    "population": lambda: snn_spikegen.population(HALF, 5),
    "decode_rate": lambda: snn_spikegen.decode_rate(HALF.round()),
    "decode_latency": lambda: snn_spikegen.decode_latency(HALF.round()),
    "targets_latency": lambda: snn_spikegen.targets_latency(LABELS, 3, 5, normalize=True),
    "rate_interpolate": lambda: snn_spikegen.rate_interpolate(LABELS, 5),
    "to_one_hot": lambda: snn_spikegen.to_one_hot(LABELS, 3),
    "to_one_hot_inverse": lambda: snn_spikegen.to_one_hot_inverse(HALF),
    "from_one_hot": lambda: snn_spikegen.from_one_hot(torch.eye(3)),
}


def test_every_function_is_listed_as_random_or_not():
    assert {*DRAWS, *CERTAIN, "__version__"} == set(snn_spikegen.__all__)
    for name in DRAWS:
        generator = inspect.signature(getattr(snn_spikegen, name)).parameters["generator"]
        assert generator.kind is generator.KEYWORD_ONLY
        assert generator.default is None


@pytest.mark.parametrize("name", DRAWS)
def test_one_state_of_a_generator_gives_one_result_and_leaves_the_global_source_alone(name):
    before = torch.get_rng_state()
    results = [DRAWS[name](generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", DRAWS)
def test_without_a_generator_the_global_source_decides(name):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        result = DRAWS[name]()
    assert torch.equal(result, DRAWS[name](generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("name", CERTAIN)
def test_certain_values_draw_nothing(name):
    before = torch.get_rng_state()
    CERTAIN[name]()
    assert torch.equal(before, torch.get_rng_state())
