"""SHD, the Spiking Heidelberg Digits: spoken digits as spikes of a model of the inner ear."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from snn_data.events.event_split import EventSplit, cache_key, event_split
from snn_data.events.heidelberg import cochlea_frames, heidelberg_part
from snn_data.events.tonic_source import tonic_class
from snn_data.splits.group_split import group_split

__all__ = ["shd"]


def shd(
    folder: str | Path | None = None,
    *,
    dt: float = 0.01,
    transform: Callable[[Any], Any] | None = None,
    key: str | None = None,
    valid_share: float = 0.2,
    split_seed: int = 0,
    cache_folder: str | Path | None = None,
    download: bool = True,
) -> EventSplit:
    """Load SHD, 20 classes of spoken digits, English and German, in 700 channels.

    The test part is the data set's own: two of its speakers are in no other part. The validation part takes all
    recordings of some of the training speakers, so that it, too, shows how well a net does on voices it has not heard.

    Args:
        folder: Folder of all data sets; the files go to ``SHD`` in it; `data_folder` if None.
        dt: Width of a frame in seconds; the first begins at 0 s.
        transform: Applied to the events (fields ``t`` in microseconds, ``x``, ``p``) instead of frames.
        key: A text that names `transform`, under which its samples are kept, see `cached`; without one, a `transform`
            runs at every access, which is deprecated.
        valid_share: Share of the training recordings in the validation part, as closely as whole speakers allow.
        split_seed: Seed of that draw.
        cache_folder: Folder of the cached samples, see `cached`.
        download: True to download what is missing.

    Returns:
        ``(train, valid, test)`` of ``(frames, class)`` pairs. The frames are counts ``[T, 700]``, with T as long as the
        recording; `collate` makes batches of them.

    Raises:
        ImportError: If tonic is not installed.
        FileNotFoundError: If files are missing and `download` is False.
        OSError, ValueError: If the download fails or is not the expected file; see `download` and `extract`.

    Example:
        >>> import tempfile, pathlib
        >>> from snn_data.writers import write_heidelberg
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> spoken = [{"t": [0.0, 0.125], "x": [7, 699]}] * 4
        >>> for part in ("train", "test"):
        ...     path = folder / "SHD" / f"shd_{part}.h5"
        ...     write_heidelberg(path, spoken, labels=[0, 1, 1, 0], speakers=[2, 2, 6, 6], keys=["zero", "one"])
        >>> train, valid, test = shd(folder, cache_folder=folder / "cache", download=False)
        >>> len(train), len(valid), len(test), test[1][0].shape, test[1][1]
        (2, 2, 4, torch.Size([13, 700]), 1)

    Source: Cramer et al., The Heidelberg Spiking Data Sets for the Systematic Evaluation of Spiking Neural Networks
        (2020).
    """
    source = tonic_class("SHD", "shd")
    train, test = (heidelberg_part(source, part, folder, may_download=download) for part in ("train", "test"))
    valid = group_split(train.speakers, valid_share, split_seed)
    name = cache_key(source.__name__, dt, transform, key)
    return event_split(train, valid, test, transform or cochlea_frames(dt), name, cache_folder)
