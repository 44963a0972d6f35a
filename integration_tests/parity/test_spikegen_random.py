"""snn_spikegen beside the peer's spikegen over arguments at random: equal but for what the guide's table says."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from snntorch import spikegen as peer

import snn_spikegen as ours

floats = st.floats(-2, 2, width=32)
shares = st.floats(0, 1, width=32)
steps = st.integers(1, 40)
# a spike of a ramp survives the peer's rounding at these levels
levels = st.sampled_from([(1, 0), (2, 0), (0.5, 0), (1.25, 0.25), (2, 1), (1, -1), (3, -1)])


def tensors(values, *, sizes=(1, 2, 5), samples=None):
    """Tensors [samples, size], of one sample and no such axis where ``samples`` is None."""
    shapes = st.sampled_from([(n,) if samples is None else (samples, n) for n in sizes])
    return shapes.flatmap(
        lambda shape: st.lists(values, min_size=shape[-1] * (samples or 1), max_size=shape[-1] * (samples or 1)).map(
            lambda numbers: torch.tensor(numbers, dtype=torch.float32).reshape(shape)
        )
    )


def answer(function, *positional: Any, **options: Any) -> Any:
    """Return the result of a call from a fixed seed, or its refusal."""
    torch.manual_seed(3)
    try:
        return function(*(a.clone() if isinstance(a, torch.Tensor) else a for a in positional), **options)
    except (ValueError, TypeError):
        return "refused"
    except Exception as error:  # the peer raises no class of its own
        if type(error) is not Exception:
            raise
        return "refused"


def assert_same(name: str, *positional: Any, **options: Any) -> None:
    result, expected = (answer(getattr(package, name), *positional, **options) for package in (ours, peer))
    if isinstance(result, str) or isinstance(expected, str):
        assert type(result) is type(expected), (result, expected)
        return
    pairs = zip(result, expected, strict=True) if isinstance(result, tuple) else [(result, expected)]
    for a, b in pairs:
        torch.testing.assert_close(a, b, rtol=0, atol=5e-7)


@settings(max_examples=200, deadline=None)
@given(
    data=tensors(shares),
    num_steps=st.just(False) | steps,
    threshold=st.sampled_from([0.01, 0.1, 0.3]),
    tau=st.sampled_from([0.3, 1, 1.7, 10]),
    first_spike_time=st.integers(0, 3),
    on_and_off=levels,
    flags=st.fixed_dictionaries(dict.fromkeys(("normalize", "linear", "bypass", "interpolate"), st.booleans())),
)
def test_latencies(data, num_steps, threshold, tau, first_spike_time, on_and_off, flags):
    on, off = on_and_off if flags["interpolate"] else (on_and_off[0], max(0, on_and_off[1]))
    options = {"num_steps": num_steps, "threshold": threshold, "tau": tau, "first_spike_time": first_spike_time}
    assert_same("latency", data, on_target=on, off_target=off, **options, **flags)
    assert_same("latency_code", data, normalize=flags["normalize"], linear=flags["linear"], **options)


@settings(deadline=None)
@given(times=tensors(st.floats(0, 45, width=32)), num_steps=steps, on_and_off=levels)
def test_ramps_to_spikes_at_and_between_steps(times, num_steps, on_and_off):
    assert_same("latency_interpolate", times, num_steps, *on_and_off)


@settings(deadline=None)
@given(times=st.sets(st.integers(0, 39)), num_steps=steps, on_and_off=levels)
def test_ramps_between_spikes_at_steps(times, num_steps, on_and_off):
    inside = torch.tensor(sorted(t for t in times if t < num_steps), dtype=torch.float32)
    assert_same("rate_interpolate", inside, num_steps, *on_and_off)


@settings(deadline=None)
@given(
    data=tensors(floats, samples=4),
    threshold=st.sampled_from([0, 0.1, 0.5, 1]),
    padding=st.booleans(),
    off_spike=st.booleans(),
)
def test_changes(data, threshold, padding, off_spike):
    assert_same("delta", data, threshold, padding, off_spike)


@settings(deadline=None)
@given(
    data=tensors(floats, samples=3),
    num_steps=st.just(False) | steps,
    gain=st.sampled_from([0, 0.5, 1, 2]),
    offset=st.sampled_from([-0.1, 0, 0.25]),
    first_spike_time=st.integers(0, 3),
    varies=st.booleans(),
)
def test_rates(data, num_steps, gain, offset, first_spike_time, varies):
    if varies:
        gain, offset = 1, 0
    shares = data.clamp(0, 1)
    assert_same("rate", shares, num_steps, gain, offset, first_spike_time, varies)
    assert_same("rate_conv", data)


@settings(deadline=None)
@given(
    num_steps=steps,
    first_spike_time=st.integers(0, 3),
    rate=st.sampled_from([0.07, 0.25, 0.3, 0.5, 0.77, 1]),
    pattern=st.sampled_from(["regular", "poisson", "Regular"]),
)
def test_rates_of_targets(num_steps, first_spike_time, rate, pattern):
    assert_same("target_rate_code", num_steps, min(first_spike_time, num_steps - 1), rate, pattern)


@settings(deadline=None)
@given(
    labels=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    num_steps=st.just(False) | steps,
    first_spike_time=st.integers(0, 2),
    on_and_off=levels,
    tau=st.sampled_from([0.3, 1, 1.7]),
    flags=st.fixed_dictionaries(dict.fromkeys(("normalize", "linear", "bypass", "interpolate"), st.booleans())),
)
def test_latencies_of_targets(labels, num_steps, first_spike_time, on_and_off, tau, flags):
    on, off = on_and_off if flags["interpolate"] else (on_and_off[0], max(0, on_and_off[1]))
    options = {"num_steps": num_steps, "first_spike_time": first_spike_time, "tau": tau, **flags}
    assert_same("targets_latency", torch.tensor(labels), 5, on_target=on, off_target=off, **options)
    assert_same("to_one_hot", torch.tensor(labels), 5)
