"""DVS Gesture: hand and arm gestures of 29 people in front of an event camera."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snn_data.events.event_split import EventSplit, cache_key, event_split
from snn_data.events.events_to_frames import events_to_frames
from snn_data.events.tonic_source import recordings, tonic_class
from snn_data.splits.group_split import group_split

__all__ = ["dvs_gesture"]


def dvs_gesture(
    folder: str | Path | None = None,
    *,
    dt: float = 0.05,
    transform: Callable[[Any], Any] | None = None,
    key: str | None = None,
    valid_share: float = 0.2,
    split_seed: int = 0,
    cache_folder: str | Path | None = None,
    download: bool = True,
) -> EventSplit:
    """Load DVS Gesture, recordings of 11 gestures, with no person in two parts.

    The test part is the data set's own, of people who are not in its training part; the validation part takes all
    recordings of some of the people in the training part.

    Args:
        folder: Folder of all data sets; the recordings go to ``DVSGesture`` in it; `data_folder` if None.
        dt: Width of a frame in seconds; the first begins with the first event.
        transform: Applied to the events (fields ``x``, ``y``, ``p``, ``t`` in microseconds) instead of frames.
        key: A text that names `transform`, under which its samples are kept, see `cached`; without one, a `transform`
            runs at every access, which is deprecated.
        valid_share: Share of the training recordings in the validation part, as closely as whole people allow.
        split_seed: Seed of that draw.
        cache_folder: Folder of the cached samples, see `cached`.
        download: True to download what is missing; the data set is large.

    Returns:
        ``(train, valid, test)`` of ``(frames, gesture)`` pairs. The frames are counts ``[T, 2, 128, 128]``, with T as
        long as the recording; `collate` makes batches of them.

    Raises:
        ImportError: If tonic is not installed.
        FileNotFoundError: If recordings are missing and `download` is False.
        OSError, ValueError: If the download fails or is not the expected file; see `download` and `extract`.

    Example:
        >>> import tempfile, pathlib
        >>> from snn_data.writers import write_dvs_gesture
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for user, part in ((1, "Train"), (2, "Train"), (24, "Test")):
        ...     path = folder / "DVSGesture" / f"ibmGesture{part}" / f"user{user:02}_led" / "7.npy"
        ...     write_dvs_gesture(path, {"x": [0, 5], "y": [1, 127], "t": [40, 140], "p": [1, 0]})
        >>> train, valid, test = dvs_gesture(folder, cache_folder=folder / "cache", download=False)
        >>> len(train), len(valid), test[0][0].shape, test[0][1]
        (1, 1, torch.Size([3, 2, 128, 128]), 7)

    Source: Amir et al., A Low Power, Fully Event-Based Gesture Recognition System (2017).
    """
    source = tonic_class("DVSGesture", "dvs_gesture")
    folders = "ibmGestureTrain", "ibmGestureTest"
    train, test = recordings(source, folders, folder, may_download=download)
    frames = functools.partial(events_to_frames, sensor_size=source.sensor_size, dt=round(dt * 1e6, 3))
    valid = group_split(train.users, valid_share, split_seed)
    name = cache_key(source.__name__, dt, transform, key)
    return event_split(train, valid, test, transform or frames, name, cache_folder)
