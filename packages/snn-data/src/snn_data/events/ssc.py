"""SSC, the Spiking Speech Commands: spoken words as spikes of a model of the inner ear."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from snn_data.events.event_split import EventSplit, cache_key, event_split
from snn_data.events.heidelberg import cochlea_frames, heidelberg_part
from snn_data.events.tonic_source import tonic_class

__all__ = ["ssc"]


def ssc(
    folder: str | Path | None = None,
    *,
    dt: float = 0.01,
    transform: Callable[[Any], Any] | None = None,
    key: str | None = None,
    cache_folder: str | Path | None = None,
    download: bool = True,
) -> EventSplit:
    """Load SSC, 35 classes of spoken words in 700 channels, in the three parts of its authors.

    Args:
        folder: Folder of all data sets; the files go to ``SSC`` in it; `data_folder` if None.
        dt: Width of a frame in seconds; the first begins at 0 s.
        transform: Applied to the events (fields ``t`` in microseconds, ``x``, ``p``) instead of frames.
        key: A text that names `transform`, under which its samples are kept, see `cached`; without one, a `transform`
            runs at every access, which is deprecated.
        cache_folder: Folder of the cached samples, see `cached`.
        download: True to download what is missing; the data set is large.

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
        >>> for part in ("train", "valid", "test"):
        ...     path = folder / "SSC" / f"ssc_{part}.h5"
        ...     write_heidelberg(path, [{"t": [0.125], "x": [7]}], labels=[0], speakers=[1], keys=["yes"])
        >>> train, valid, test = ssc(folder, cache_folder=folder / "cache", download=False)
        >>> valid[0][0].shape, valid[0][1]
        (torch.Size([13, 700]), 0)

    Source: Cramer et al., The Heidelberg Spiking Data Sets for the Systematic Evaluation of Spiking Neural Networks
        (2020).
    """
    source = tonic_class("SSC", "ssc")
    parts = (heidelberg_part(source, part, folder, may_download=download) for part in ("train", "valid", "test"))
    train, valid, test = parts
    name = cache_key(source.__name__, dt, transform, key)
    return event_split(train, valid, test, transform or cochlea_frames(dt), name, cache_folder)
