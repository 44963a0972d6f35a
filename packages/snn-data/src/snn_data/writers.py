"""Recordings in the exact on-disk formats of N-MNIST, DVS Gesture, SHD and SSC, as other libraries read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from snn_data.files.atomic import atomic_file

__all__ = ["write_dvs_gesture", "write_heidelberg", "write_nmnist"]

# This y marks an overflow of the clock, not a pixel.
NMNIST_OVERFLOW_Y = 240


def write_nmnist(path: str | Path, events: np.ndarray | Mapping[str, Any]) -> None:
    """Write one recording in the format of N-MNIST: five bytes per event.

    Byte 0 is x, byte 1 y, bit 7 of byte 2 the polarity; the other 23 bits of bytes 2 to 4 are the time, big-endian.

    Args:
        path: The file, in the data set ``Train/<digit>/<number>.bin`` or ``Test/...``.
        events: Fields ``x`` (0 to 255), ``y`` (the same, except 240), ``t`` (microseconds, 0 to 2^23 - 1) and ``p``
            (0 or 1).

    Raises:
        ValueError: If a field does not fit its bits, or is not a whole number.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "1.bin"
        >>> write_nmnist(path, {"x": [1], "y": [2], "t": [0x030405], "p": [1]})
        >>> path.read_bytes().hex()
        '0102830405'

    Source: Orchard et al., Converting Static Image Datasets to Spiking Neuromorphic Datasets Using Saccades (2015),
        and the format description on the data set's page.
    """
    lasts = {"x": 255, "y": 255, "t": 2**23 - 1, "p": 1}
    x, y, t, p = (_integers(events[name], last, name, "N-MNIST") for name, last in lasts.items())
    if (y == NMNIST_OVERFLOW_Y).any():
        raise ValueError(f"N-MNIST has no room for y={NMNIST_OVERFLOW_Y}, which is not a pixel: leave these events out")
    packed = np.stack([x, y, p << 7 | t >> 16, t >> 8 & 0xFF, t & 0xFF], axis=1)
    with atomic_file(Path(path)) as file:
        file.write(packed.astype(np.uint8).tobytes())


def write_dvs_gesture(path: str | Path, events: np.ndarray | Mapping[str, Any]) -> None:
    """Write one recording in the format of the cut DVS Gesture data set: an ``.npy`` of rows ``[x, y, p, t]``.

    Args:
        path: The file, in the data set ``ibmGestureTrain/user<NN>_<lighting>/<class>.npy`` or ``ibmGestureTest/...``.
        events: Fields ``x`` and ``y`` (0 to 127), ``p`` (0 or 1) and ``t`` (milliseconds).

    Raises:
        ValueError: If a pixel, polarity or time is out of range, or not a whole number.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "user01_led" / "3.npy"
        >>> write_dvs_gesture(path, {"x": [5], "y": [127], "t": [40], "p": [0]})
        >>> np.load(path).tolist()
        [[5, 127, 0, 40]]

    Source: Amir et al., A Low Power, Fully Event-Based Gesture Recognition System (2017); the cut version by tonic.
    """
    # floats are whole numbers without gaps up to 2^53
    lasts = {"x": 127, "y": 127, "p": 1, "t": 2**53}
    columns = [_integers(events[name], last, name, "DVS Gesture") for name, last in lasts.items()]
    with atomic_file(Path(path)) as file:
        np.save(file, np.stack(columns, axis=1))


def write_heidelberg(
    path: str | Path,
    recordings: Sequence[Mapping[str, Any]],
    labels: Sequence[int],
    speakers: Sequence[int],
    keys: Sequence[str],
) -> None:
    """Write recordings in the format of SHD and SSC: one HDF5 file with a row of unequal length per recording.

    ``spikes/times`` are float16 seconds, ``spikes/units`` uint16 channels, ``labels`` and ``extra/speaker`` integers,
    ``extra/keys`` the names of the classes.

    Args:
        path: The file, such as ``shd_train.h5``.
        recordings: Fields ``t`` (seconds, rounded to float16) and ``x`` (channel 0 to 699) of each.
        labels: Class of each.
        speakers: Speaker of each.
        keys: Names of the classes.

    Raises:
        ImportError: If h5py is not installed.
        ValueError: If the numbers of recordings, labels and speakers differ, the fields of a recording differ in
            length, a channel, label or speaker is out of range or not a whole number, or a time overflows float16.

    Example:
        >>> import h5py, tempfile
        >>> path = Path(tempfile.mkdtemp()) / "shd_train.h5"
        >>> write_heidelberg(path, [{"t": [0.25], "x": [699]}], labels=[0], speakers=[3], keys=["zero"])
        >>> with h5py.File(path) as file:
        ...     file["spikes/times"][0], file["spikes/units"][0]
        (array([0.25], dtype=float16), array([699], dtype=uint16))

    Source: Cramer et al., The Heidelberg Spiking Data Sets (2020), and the format description on their page.
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError("write_heidelberg() writes HDF5: pip install 'snn-data[tonic]'") from error
    if not len(recordings) == len(labels) == len(speakers):
        raise ValueError(
            f"write_heidelberg needs a label and a speaker for each recording, got {len(recordings)} recordings, "
            f"{len(labels)} labels and {len(speakers)} speakers"
        )
    last = np.iinfo(np.uint16).max
    classes, people = _integers(labels, last, "labels", "SHD"), _integers(speakers, last, "speakers", "SHD")
    columns = {"spikes/times": np.dtype(np.float16), "spikes/units": np.dtype(np.uint16)}
    with atomic_file(Path(path)) as out, h5py.File(out, "w") as file:
        for name, dtype in columns.items():
            file.create_dataset(name, shape=(len(recordings),), dtype=h5py.vlen_dtype(dtype))
        for i, recording in enumerate(recordings):
            file["spikes/times"][i], file["spikes/units"][i] = _heidelberg_row(recording, i)
        file["labels"] = classes.astype(np.uint16)
        file["extra/speaker"] = people.astype(np.uint16)
        file["extra/keys"] = np.array([key.encode() for key in keys])


def _heidelberg_row(recording: Mapping[str, Any], i: int) -> tuple[np.ndarray, np.ndarray]:
    t, x = np.asarray(recording["t"], dtype=np.float64), np.asarray(recording["x"])
    if t.ndim != 1 or t.shape != x.shape:
        raise ValueError(f"recording {i} has {t.shape} times and {x.shape} channels: give both one shape [spikes]")
    if x.size and not 0 <= x.min() <= x.max() < 700:
        raise ValueError(f"recording {i} has channels from {x.min()} to {x.max()}: SHD and SSC have 0 to 699")
    if not (np.abs(t) <= np.finfo(np.float16).max).all():
        raise ValueError(f"recording {i} has times that float16 cannot hold: give seconds")
    return t.astype(np.float16), _integers(x, 699, f"recordings[{i}]['x']", "SHD").astype(np.uint16)


def _integers(values: Any, last: int, name: str, form: str) -> np.ndarray:
    """Return numbers as integers, after checking that they are whole and lie from 0 to the last one."""
    array = np.asarray(values)
    numbers = array.astype(np.float64)
    fits = (numbers >= 0) & (numbers <= last) & (numbers == np.floor(numbers))
    if not fits.all():
        raise ValueError(f"{form} has no room for {name}={array[~fits][0]}: it takes integers, 0 to {last}")
    return array.astype(np.int64)
