"""N-MNIST: MNIST digits on a screen, seen by a moving event camera."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snn_data.events.event_split import EventSplit, cache_key, event_split
from snn_data.events.events_to_frames import events_to_frames
from snn_data.events.tonic_source import recordings, tonic_class
from snn_data.splits.split import stratified_split

__all__ = ["nmnist"]


def nmnist(
    folder: str | Path | None = None,
    *,
    dt: float = 0.01,
    transform: Callable[[Any], Any] | None = None,
    key: str | None = None,
    valid_share: float = 0.1,
    split_seed: int = 0,
    cache_folder: str | Path | None = None,
    download: bool = True,
) -> EventSplit:
    """Load N-MNIST, 60,000 recordings to train and validate and 10,000 to test, of 0.3 s each.

    The validation part is a stratified draw from the training recordings; the test part is the data set's own.

    Args:
        folder: Folder of all data sets; the recordings go to ``NMNIST`` in it; `data_folder` if None.
        dt: Width of a frame in seconds; the first begins at 0 s.
        transform: Applied to the events (fields ``x``, ``y``, ``t`` in microseconds, ``p``) instead of frames.
        key: A text that names `transform`, under which its samples are kept, see `cached`; without one, a `transform`
            runs at every access, which is deprecated.
        valid_share: Share of the training recordings in the validation part, in (0, 1).
        split_seed: Seed of that draw.
        cache_folder: Folder of the cached samples, see `cached`.
        download: True to download what is missing; the data set is large.

    Returns:
        ``(train, valid, test)`` of ``(frames, digit)`` pairs. The frames are counts ``[T, 2, 34, 34]``; `collate` makes
        batches of them.

    Raises:
        ImportError: If tonic is not installed.
        FileNotFoundError: If recordings are missing and `download` is False.
        OSError, ValueError: If the download fails or is not the expected file; see `download` and `extract`.

    Example:
        >>> import tempfile, pathlib
        >>> from snn_data.writers import write_nmnist
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for i in range(8):
        ...     events = {"x": [i], "y": [33], "t": [29_000], "p": [1]}
        ...     write_nmnist(folder / "NMNIST" / ("Train" if i < 6 else "Test") / str(i % 2) / f"{i}.bin", events)
        >>> train, valid, test = nmnist(folder, valid_share=0.4, cache_folder=folder / "cache", download=False)
        >>> len(train), len(valid), len(test), test[1][0].shape, test[1][1]
        (4, 2, 2, torch.Size([3, 2, 34, 34]), 1)

    Source: Orchard et al., Converting Static Image Datasets to Spiking Neuromorphic Datasets Using Saccades (2015).
    """
    source = tonic_class("NMNIST", "nmnist")
    folders = source.train_folder, source.test_folder
    train, test = recordings(source, folders, folder, may_download=download)
    frames = functools.partial(events_to_frames, sensor_size=source.sensor_size, dt=round(dt * 1e6, 3), start=0)
    valid = stratified_split(train.targets, valid_share, split_seed)
    name = cache_key(source.__name__, dt, transform, key)
    return event_split(train, valid, test, transform or frames, name, cache_folder)
