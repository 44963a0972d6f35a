"""The formats, to the byte, from their descriptions."""

from __future__ import annotations

import struct

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snn_data.writers import write_dvs_gesture, write_heidelberg, write_nmnist


@given(
    events=st.lists(
        st.tuples(
            st.integers(0, 255),
            st.integers(0, 255).filter(lambda y: y != 240),
            st.integers(0, 1),
            st.integers(0, 2**23 - 1),
        ),
        max_size=20,
    )
)
def test_an_event_of_nmnist_is_two_bytes_and_a_big_endian_word_of_polarity_and_time(tmp_path_factory, events):
    path = tmp_path_factory.mktemp("nmnist") / "1.bin"
    write_nmnist(path, {name: [event[i] for event in events] for i, name in enumerate("xypt")})
    expected = b"".join(bytes([x, y]) + struct.pack(">I", p << 23 | t)[1:] for x, y, p, t in events)
    assert path.read_bytes() == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": [256]}, "x=256"),
        ({"y": [240]}, "y=240"),
        ({"t": [2**23]}, "t=8388608"),
        ({"p": [2]}, "p=2"),
        ({"x": [1.9]}, r"x=1\.9: it takes integers, 0 to 255"),
        ({"y": [float("nan")]}, "y=nan"),
        ({"t": [7.9]}, r"t=7\.9"),
        ({"t": [float("inf")]}, "t=inf"),
        ({"p": [0.5]}, r"p=0\.5"),
    ],
)
def test_events_that_do_not_fit_nmnist_are_refused(tmp_path, change, message):
    with pytest.raises(ValueError, match=f"no room for {message}"):
        write_nmnist(tmp_path / "1.bin", {"x": [1], "y": [1], "t": [1], "p": [1]} | change)
    assert list(tmp_path.iterdir()) == []


def test_a_recording_of_dvs_gesture_is_rows_of_x_y_p_t(tmp_path):
    write_dvs_gesture(tmp_path / "0.npy", {"t": [7, 8, 9], "x": [1, 2, 3], "y": [4, 5, 127], "p": [True, False, True]})
    rows = np.load(tmp_path / "0.npy", allow_pickle=False)
    assert rows.dtype == np.int64
    assert rows.tolist() == [[1, 4, 1, 7], [2, 5, 0, 8], [3, 127, 1, 9]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": [128]}, "x=128"),
        ({"y": [-1]}, "y=-1"),
        ({"t": [0.5]}, "t=0.5"),
        ({"p": [2]}, "p=2"),
        ({"t": [float("inf")]}, "t=inf"),
        ({"t": [float("nan")]}, "t=nan"),
        ({"t": [1e19]}, r"t=1e\+19"),
    ],
)
def test_events_that_do_not_fit_dvs_gesture_are_refused(tmp_path, change, message):
    with pytest.raises(ValueError, match=f"no room for {message}"):
        write_dvs_gesture(tmp_path / "0.npy", {"x": [1], "y": [1], "t": [1], "p": [1]} | change)


def test_a_file_of_the_heidelberg_sets_has_rows_of_float16_seconds_and_uint16_channels(tmp_path):
    recordings = [{"t": [0.1, 1.25], "x": [0, 699]}, {"t": [], "x": []}, {"t": [0.5], "x": [7]}]
    write_heidelberg(tmp_path / "a.h5", recordings, labels=[1, 0, 19], speakers=[4, 4, 11], keys=["zero", "null"])
    with h5py.File(tmp_path / "a.h5") as file:
        assert h5py.check_vlen_dtype(file["spikes/times"].dtype) == np.float16
        assert h5py.check_vlen_dtype(file["spikes/units"].dtype) == np.uint16
        assert file["spikes/times"][0].tolist() == [np.float16(0.1), 1.25]
        assert [len(row) for row in file["spikes/units"]] == [2, 0, 1]
        assert file["labels"][()].tolist() == [1, 0, 19]
        assert file["extra/speaker"][()].tolist() == [4, 4, 11]
        assert file["extra/keys"][()].tolist() == [b"zero", b"null"]


@pytest.mark.parametrize(
    ("recording", "message"),
    [
        ({"t": [0.1], "x": [700]}, "recording 0 has channels from 700 to 700"),
        ({"t": [0.1], "x": [1, 2]}, r"recording 0 has \(1,\) times and \(2,\) channels"),
        ({"t": [1e5], "x": [1]}, "times that float16 cannot hold: give seconds"),
        ({"t": [float("nan")], "x": [1]}, "times that float16 cannot hold"),
        ({"t": [0.1], "x": [3.9]}, r"no room for recordings\[0\]\['x'\]=3\.9: it takes integers, 0 to 699"),
        ({"t": [0.1], "x": [float("nan")]}, "recording 0 has channels from nan to nan"),
    ],
)
def test_events_that_do_not_fit_the_heidelberg_sets_are_refused(tmp_path, recording, message):
    with pytest.raises(ValueError, match=message):
        write_heidelberg(tmp_path / "a.h5", [recording], labels=[0], speakers=[0], keys=["zero"])
    assert list(tmp_path.iterdir()) == []


def test_each_recording_needs_a_label_and_a_speaker(tmp_path):
    with pytest.raises(ValueError, match="got 1 recordings, 2 labels and 1 speakers"):
        write_heidelberg(tmp_path / "a.h5", [{"t": [], "x": []}], labels=[0, 1], speakers=[0], keys=["zero"])


@pytest.mark.parametrize("name", ["labels", "speakers"])
@pytest.mark.parametrize("number", [np.int64(70000), np.int64(-1), 65536, 0.5, float("nan")])
def test_labels_and_speakers_that_do_not_fit_are_refused(tmp_path, name, number):
    numbers = {"labels": np.array([0]), "speakers": np.array([0])} | {name: np.array([number])}
    with pytest.raises(ValueError, match=rf"no room for {name}={number}: it takes integers, 0 to 65535"):
        write_heidelberg(tmp_path / "a.h5", [{"t": [0.1], "x": [1]}], **numbers, keys=["zero"])
    assert list(tmp_path.iterdir()) == []


def test_whole_numbers_may_be_floats_and_the_largest_are_stored(tmp_path):
    write_nmnist(tmp_path / "1.bin", {"x": [255.0], "y": [255.0], "t": [2.0**23 - 1], "p": [1.0]})
    assert (tmp_path / "1.bin").read_bytes().hex() == "ffffffffff"
    write_dvs_gesture(tmp_path / "1.npy", {"x": [127.0], "y": [0.0], "p": [True], "t": [2.0**40]})
    assert np.load(tmp_path / "1.npy").tolist() == [[127, 0, 1, 2**40]]
    write_heidelberg(tmp_path / "a.h5", [{"t": [0.5], "x": [699.0]}], labels=[65535], speakers=[0.0], keys=["zero"])
    with h5py.File(tmp_path / "a.h5") as file:
        assert (file["labels"][()].tolist(), file["spikes/units"][0].tolist()) == ([65535], [699])
