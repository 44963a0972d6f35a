"""events_to_frames: every event is counted once, in the bin of its time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snn_data import events_to_frames

EVENT = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", bool)])
SIZE = (5, 3, 2)


def recording(seed, events, last=1000):
    """Events at random, in the order of their times."""
    rng = np.random.default_rng(seed)
    recording = np.empty(events, dtype=EVENT)
    for name, top in (("x", 5), ("y", 3), ("p", 2), ("t", last + 1)):
        recording[name] = rng.integers(0, top, events)
    return recording[np.argsort(recording["t"])]


def counted(events, bins, bin_of):
    """The frames, an event at a time."""
    frames = torch.zeros(bins, 2, 3, 5)
    for event in events:
        frames[bin_of(int(event["t"])), int(event["p"]), event["y"], event["x"]] += 1
    return frames


@given(seed=st.integers(0, 10**6), events=st.integers(1, 60), dt=st.integers(1, 400))
def test_bins_of_width_dt_start_with_the_first_event_and_hold_the_last(seed, events, dt):
    data = recording(seed, events)
    first, last = int(data["t"][0]), int(data["t"][-1])
    expected = counted(data, (last - first) // dt + 1, lambda t: (t - first) // dt)
    assert events_to_frames(data, SIZE, dt=dt).equal(expected)


@given(seed=st.integers(0, 10**6), events=st.integers(1, 60), bins=st.integers(1, 17))
def test_a_number_of_bins_divides_the_span_and_the_last_event_is_in_the_last_bin(seed, events, bins):
    data = recording(seed, events)
    first, span = int(data["t"][0]), int(data["t"][-1] - data["t"][0])
    expected = counted(data, bins, lambda t: min((t - first) * bins // span, bins - 1) if span else 0)
    frames = events_to_frames(data, SIZE, num_bins=bins)
    assert frames.equal(expected)
    assert frames.sum() == events


def test_the_last_events_are_kept_where_the_width_does_not_divide_the_recording():
    events = {"t": np.array([0, 9, 10, 14]), "x": np.zeros(4, int), "y": np.zeros(4, int), "p": np.zeros(4, int)}
    assert events_to_frames(events, (1, 1, 2), dt=10)[:, 0, 0, 0].tolist() == [2, 2]
    assert events_to_frames(events, (1, 1, 2), num_bins=2)[:, 0, 0, 0].tolist() == [1, 3]


def test_float16_seconds_are_cast_before_anything_is_computed():
    # in microseconds 1.5 s is beyond the largest float16, 65,504
    t = np.array([0.0, 0.5, 1.5], dtype=np.float16)
    frames = events_to_frames({"t": t, "x": np.array([0, 1, 2])}, (3, 1, 1), dt=0.25, start=0)
    assert frames[:, 0].nonzero().tolist() == [[0, 0], [2, 1], [6, 2]]


@pytest.mark.parametrize("dt", [0.1, 0.01, 1e-3])
def test_a_floating_time_that_is_a_multiple_of_dt_opens_its_bin(dt):
    # 0.3 / 0.1 is below 3 and 0.29 / 0.01 below 29
    k = np.arange(1000)
    frames = events_to_frames({"t": k * dt, "x": np.zeros(1000, int)}, (1, 1, 1), dt=dt, start=0)
    assert frames.flatten().equal(torch.ones(1000))


@pytest.mark.parametrize(("duration", "dt", "bins"), [(1.1, 0.1, 11), (0.7, 0.1, 7), (0.6, 0.2, 3), (0.35, 0.1, 4)])
def test_a_duration_holds_as_many_bins_as_cover_it(duration, dt, bins):
    events = {"t": np.array([0.0]), "x": np.array([0])}
    assert len(events_to_frames(events, (1, 1, 1), dt=dt, duration=duration)) == bins


def test_start_and_duration_choose_a_span_whose_end_is_outside():
    events = {"t": np.array([9, 10, 19, 20]), "x": np.array([0, 1, 2, 3])}
    frames = events_to_frames(events, (4, 1, 1), dt=5, start=10, duration=10)
    assert frames[:, 0].tolist() == [[0, 1, 0, 0], [0, 0, 1, 0]]
    frames = events_to_frames(events, (4, 1, 1), num_bins=5, start=10, duration=10)
    assert frames[:, 0].nonzero().tolist() == [[0, 1], [4, 2]]


@pytest.mark.parametrize("kind", [int, float, np.float32, np.int64])
@pytest.mark.parametrize("start", [None, 1_750_000_000 * 10**9])
def test_integer_times_beyond_the_gaps_of_floats_are_binned_in_integers(kind, start):
    # epochs in nanoseconds, among which float64 has one number in 256
    first = 1_750_000_000 * 10**9
    events = {"t": first + np.array([0, 10**9 - 1, 10**9 - 100, 10**9]), "x": np.array([0, 1, 1, 0])}
    start = start and (start if kind is np.float32 else kind(start))
    for binning in ({"dt": kind(10**8)}, {"num_bins": 10}):
        frames = events_to_frames(events, (2, 1, 1), start=start, duration=kind(10**9), **binning)
        assert frames.shape == (10, 1, 2)
        assert frames[:, 0].nonzero().tolist() == [[0, 0], [9, 1]]
        assert frames[9, 0, 1] == 2


def test_a_number_of_bins_is_exact_where_its_products_leave_64_bits():
    hours = 10 * 3600 * 10**9  # in nanoseconds
    events = {"t": np.array([0, hours // 2 - 1, hours // 2, hours]), "x": np.zeros(4, int)}
    frames = events_to_frames(events, (1, 1, 1), num_bins=10**6)
    assert frames.flatten().nonzero().flatten().tolist() == [0, 499_999, 500_000, 999_999]


def test_the_order_of_the_events_does_not_matter():
    events = recording(3, 50)
    shuffled = events[np.random.default_rng(0).permutation(50)]
    assert events_to_frames(shuffled, SIZE, dt=70).equal(events_to_frames(events, SIZE, dt=70))


def test_arrays_tensors_and_structured_arrays_give_the_same():
    events = recording(4, 30)
    arrays = {name: events[name] for name in EVENT.names}
    tensors = {name: torch.from_numpy(events[name].copy()) for name in EVENT.names}
    expected = events_to_frames(events, SIZE, num_bins=7)
    assert events_to_frames(arrays, SIZE, num_bins=7).equal(expected)
    assert events_to_frames(tensors, SIZE, num_bins=7).equal(expected)


def test_events_are_left_as_they_are():
    events = recording(5, 30)
    before = events.copy()
    events_to_frames(events, (5, 3, 1), dt=10)
    assert (events == before).all()


def test_a_sensor_of_one_polarity_counts_both_together():
    events = recording(6, 40)
    merged = events_to_frames(events, (5, 3, 1), dt=100)
    assert merged.equal(events_to_frames(events, SIZE, dt=100).sum(1, keepdim=True))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.float16, torch.float64, torch.int64])
def test_counts_are_exact_or_refused(dtype):
    events = {"t": np.zeros(255, int), "x": np.zeros(255, int)}
    assert events_to_frames(events, (1, 1, 1), num_bins=1, dtype=dtype).tolist() == [[[255]]]


@pytest.mark.parametrize(("dtype", "events"), [(torch.uint8, 256), (torch.int16, 40_000), (torch.float16, 2049)])
def test_a_count_that_a_dtype_cannot_hold_is_refused(dtype, events):
    recording = {"t": np.zeros(events, int), "x": np.zeros(events, int)}
    with pytest.raises(ValueError, match=f"counts up to {events} events in a cell, which {dtype} cannot hold"):
        events_to_frames(recording, (1, 1, 1), num_bins=1, dtype=dtype)


def test_no_events_make_no_frames_or_empty_ones():
    empty = recording(0, 0)
    assert events_to_frames(empty, SIZE, dt=10).shape == (0, 2, 3, 5)
    assert events_to_frames(empty, SIZE, dt=10, duration=25).equal(torch.zeros(3, 2, 3, 5))
    assert events_to_frames(empty, SIZE, num_bins=4).equal(torch.zeros(4, 2, 3, 5))


def test_events_all_at_one_time_are_one_bin_full():
    events = {"t": np.full(3, 7), "x": np.zeros(3, int)}
    assert events_to_frames(events, (1, 1, 1), dt=5).tolist() == [[[3]]]
    assert events_to_frames(events, (1, 1, 1), num_bins=3).flatten().tolist() == [3, 0, 0]


GOOD = {"t": np.array([0, 1]), "x": np.array([0, 4]), "y": np.array([0, 2]), "p": np.array([0, 1])}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": np.array([0, 5])}, ValueError, r"events\['x'\] contains 5, but with sensor_size=.* must be 0 to 4"),
        ({"y": np.array([-1, 0])}, ValueError, r"events\['y'\] contains -1"),
        ({"p": np.array([0, 2])}, ValueError, r"events\['p'\] contains 2"),
        ({"p": np.array([-1, 1])}, ValueError, r"events\['p'\] contains -1"),
        ({"x": np.array([0.0, 1.0])}, TypeError, r"integers in events\['x'\], got float64"),
        ({"t": np.array([0, np.nan])}, ValueError, "finite times"),
        ({"x": np.array([0])}, ValueError, r"one shape \[events\], got x of \(1,\)"),
        ({"x": np.zeros((2, 1), int)}, ValueError, r"got x of \(2, 1\)"),
        (
            {"t": np.array([0, 10**15])},
            ValueError,
            "would make 1000000000000001 frames of 30 cells: dt=1 is in the unit",
        ),
        ({"t": np.array([0, 1e300])}, ValueError, r"would make 1e\+300 frames of 30 cells: dt=1 is in the unit"),
    ],
)
def test_events_that_cannot_be_binned_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        events_to_frames(GOOD | change, SIZE, dt=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either dt or num_bins, got dt=None and num_bins=None"),
        ({"dt": 1, "num_bins": 1}, "either dt or num_bins, got dt=1 and num_bins=1"),
        ({"dt": 0}, "dt above 0 and finite, got 0"),
        ({"dt": float("nan")}, "dt above 0 and finite, got nan"),
        ({"num_bins": 2.5}, "num_bins to be a whole number, got 2.5"),
        ({"num_bins": -1}, "num_bins above 0 and finite, got -1"),
        ({"num_bins": 10**8}, r"would make 1e\+08 frames of 30 cells: lower num_bins"),
        ({"num_bins": 1e30}, r"would make 1e\+30 frames of 30 cells: lower num_bins"),
        ({"dt": 1, "duration": 0}, "duration above 0 and finite, got 0"),
        ({"dt": 1, "start": -1e300}, r"would make 1e\+300 frames of 30 cells"),
        ({"dt": 1e-300, "duration": 1e300}, "would make inf frames of 30 cells"),
        *[
            ({**binning, "start": start, **span}, f"events_to_frames needs a finite start, got {start}")
            for binning in ({"dt": 1}, {"num_bins": 3})
            for start in (float("nan"), float("inf"), -float("inf"))
            for span in ({}, {"duration": 4})
        ],
    ],
)
def test_an_unknown_binning_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        events_to_frames(GOOD, SIZE, **arguments)


def test_missing_fields_and_sizes_are_named():
    with pytest.raises(TypeError, match=r"fields t, x, y and p, got \['t'\]"):
        events_to_frames({"t": GOOD["t"]}, SIZE, dt=1)
    with pytest.raises(TypeError, match="got ndarray"):
        events_to_frames(np.zeros((3, 4)), SIZE, dt=1)
    with pytest.raises(TypeError, match="needs a field 'p'"):
        events_to_frames({"t": GOOD["t"], "x": GOOD["x"], "y": GOOD["y"]}, SIZE, dt=1)
    with pytest.raises(ValueError, match=r"sensor_size \(width, height, polarities\), got \(5, 3\)"):
        events_to_frames(GOOD, (5, 3), dt=1)
    with pytest.raises(ValueError, match="without y need a sensor of height 1"):
        events_to_frames({"t": GOOD["t"], "x": GOOD["x"]}, SIZE, dt=1)


def test_times_whose_memory_holds_their_negatives_count_as_what_they_are():
    events = recording(0, 20)
    fields = {name: torch.from_numpy(events[name].copy()) for name in "xyp"}
    times = torch.from_numpy(events["t"].astype(np.float32))
    stored = torch.complex(torch.zeros_like(times), -times).conj().imag
    assert stored.is_neg()
    expected = events_to_frames({**fields, "t": times}, SIZE, dt=100)
    assert events_to_frames({**fields, "t": stored}, SIZE, dt=100).equal(expected)


# the largest float64 is 1.8e308: a product with the number of bins, or the span from -1.7e308 to 1.7e308, is above it
HUGE = [
    ([0.0, 5e307, 1e308, 1.7e308], {"num_bins": 4}, [1, 1, 1, 1]),
    ([-1.7e308, 0.0, 1.7e308], {"num_bins": 4}, [1, 0, 1, 1]),
    ([-1.7e308, 0.0, 1.7e308], {"num_bins": 4, "start": -1.7e308}, [1, 0, 1, 1]),
    ([-1.7e308, 0.0, 1.7e308], {"dt": 1e308}, [1, 1, 0, 1]),
    ([0.0, 1.0, 2.0], {"num_bins": 4, "duration": 1.7e308}, [3, 0, 0, 0]),
    ([1e308, 1.5e308], {"dt": 1e308, "duration": 1.7e308}, [2, 0]),
    ([0.0, 1e-300, 1.7e308], {"num_bins": 3}, [2, 0, 1]),
    ([0, 1, 2], {"dt": 1e308}, [3]),
    ([0, 1, 2], {"num_bins": 3, "duration": 1e308}, [3, 0, 0]),
]


@pytest.mark.parametrize(("times", "options", "counts"), HUGE)
def test_times_near_the_largest_float_do_not_overflow(times, options, counts):
    events = {"t": np.array(times), "x": np.zeros(len(times), int)}
    assert events_to_frames(events, (1, 1, 1), **options).flatten().tolist() == counts


@pytest.mark.parametrize("scale", [2.0**1020, 2.0**-1000])
@pytest.mark.parametrize("binning", [{"num_bins": 7}, {"dt": 0.1}, {"num_bins": 7, "start": 0.2, "duration": 0.5}])
def test_a_power_of_two_as_unit_of_time_changes_no_bin(scale, binning):
    times = np.random.default_rng(0).random(200)
    scaled = {name: value if name == "num_bins" else value * scale for name, value in binning.items()}
    frames, others = (
        events_to_frames({"t": t, "x": np.zeros(200, int)}, (1, 1, 1), **options)
        for t, options in ((times, binning), (times * scale, scaled))
    )
    assert frames.equal(others)


def test_huge_times_in_bins_of_another_unit_are_refused():
    events = {"t": np.array([-1.7e308, 1.7e308]), "x": np.zeros(2, int)}
    with pytest.raises(ValueError, match="would make inf frames of 1 cells"):
        events_to_frames(events, (1, 1, 1), dt=1e-300)
