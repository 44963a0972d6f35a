"""Transformed samples kept on disk, in files named by a key and the place of the sample."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from snn_data.files.folders import data_folder
from snn_data.files.sample_file import content_of, read_sample, write_sample

__all__ = ["CachedDataset", "cached", "samples_folder"]

FORMAT = "3"  # up to 2, files were named by the content of the sample and the code of the transform
UNKEYED = (
    "without key=, samples are transformed at every access and not kept on disk: pass key=, a text that names the data "
    "and the transform, such as key='speech, 10 ms', and another text after each change of either"
)


@dataclass(eq=False, repr=False)
class CachedDataset(Dataset[Any]):
    """A data set whose transformed samples are kept on disk; made by `cached`.

    Args:
        dataset: Data set of ``(data, target)`` pairs.
        transform: Applied to ``data``; None keeps it.
        target_transform: Applied to ``target``; None keeps it.
        folder: Folder of the files.
        key: A text that names the data set and the transforms; None to keep nothing on disk.

    Example:
        >>> CachedDataset([(1, 2)], None, None, Path("cache"), "pairs")
        CachedDataset(samples=1, folder=cache, key='pairs')

    Source: the disk cache of tonic, ``tonic.DiskCachedDataset``.
    """

    dataset: Any
    transform: Callable[[Any], Any] | None
    target_transform: Callable[[Any], Any] | None
    folder: Path
    key: str | None

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"there is no sample {index}: the data set has {len(self)} samples")
        if self.key is None:
            return self._transformed(index)
        name = hashlib.sha256(f"{FORMAT} {len(self)} {self.key}".encode()).hexdigest()
        path = self.folder / name[:32] / f"{index % len(self)}.npz"
        try:
            return read_sample(path)
        except FileNotFoundError:
            pass
        except ValueError as error:
            warnings.warn(f"a cached sample is damaged and is made again: {error}", RuntimeWarning, stacklevel=2)
        transformed = self._transformed(index)
        try:
            write_sample(path, transformed)
        except PermissionError:
            if not path.exists():  # Windows does not replace a file that a faster worker is reading
                raise
        # read from the file even the first time, so that the sample is the same every time
        return read_sample(path)

    def _transformed(self, index: int) -> tuple[Any, Any]:
        """Return the transformed sample; transforms may overwrite one that the data set creates at every access."""
        place = index % len(self)
        sample = self.dataset[place]
        before = content_of(sample)
        data, target = sample
        data = data if self.transform is None else self.transform(data)
        target = target if self.target_transform is None else self.target_transform(target)
        if content_of(sample) != before and content_of(self.dataset[place]) != before:
            raise ValueError(
                f"a transform of cached() overwrote sample {index} of the data set; let it change a copy, "
                "such as data.clone() or data.copy(), and load the data set again"
            )
        return data, target

    def __repr__(self) -> str:
        return f"CachedDataset(samples={len(self)}, folder={self.folder}, key={self.key!r})"


def samples_folder(folder: str | os.PathLike[str] | None) -> Path:
    """Return the folder of cached samples: the chosen one, or ``samples`` in `data_folder`."""
    return data_folder() / "samples" if folder is None else Path(folder).expanduser().absolute()


def cached(
    dataset: Any,
    transform: Callable[[Any], Any] | None = None,
    *,
    key: str | None = None,
    target_transform: Callable[[Any], Any] | None = None,
    folder: str | Path | None = None,
    dataset_key: str | None = None,
) -> CachedDataset:
    """Keep the transformed samples of a data set on disk.

    The key, the number of samples and the index name the file of a sample, and nothing else does: **choose another key
    when the data or a transform changes**, such as ``"speech, 10 ms"`` and then ``"speech, 5 ms"``. Files are written
    atomically, so any number of workers and programs may share a folder. Reading them runs no code. A stored sample is
    not read from the data set again.

    Args:
        dataset: Data set of ``(data, target)`` pairs, indexed from 0, with a length.
        transform: Applied to ``data`` once; it must always give the same result, so leave randomness to `augmented`,
            and must not overwrite the data set's own sample.
        key: A text that names the data set and the transforms, such as the checksum of the archive and the settings
            of the transform. Required; a call without it, as in 0.5, keeps nothing on disk and is deprecated.
        target_transform: Applied to ``target`` once.
        folder: Folder of the files; ``samples`` in `data_folder` if None. It may be deleted at any time.
        dataset_key: Deprecated, and without effect: `key` names the data set too.

    Returns:
        A data set of the same length.

    Raises:
        TypeError: If `key` is not a text, or there is a `dataset_key` too; at access, if a sample cannot be stored.
        ValueError: At access, if a transform overwrites a sample of the data set; nothing is stored.

    Example:
        >>> import tempfile, torch
        >>> folder = tempfile.mkdtemp()
        >>> frames = cached([(torch.arange(3), 7)], lambda x: 2 * x, key="counts, doubled", folder=folder)
        >>> frames[0]
        (tensor([0, 2, 4]), 7)
        >>> cached([(torch.arange(3), 7)], lambda x: 3 * x, key="counts, tripled", folder=folder)[0]
        (tensor([0, 3, 6]), 7)

    Source: the disk cache of tonic, ``tonic.DiskCachedDataset``.
    """
    if not isinstance(key, str | None):
        raise TypeError(f"cached needs a text as key, got {key!r:.100}")
    if key is not None and dataset_key is not None:
        raise TypeError(
            f"cached got a key and a dataset_key: put {dataset_key!r:.100} into key, which names the data too"
        )
    if key is None:
        warnings.warn(f"cached(): {UNKEYED}", DeprecationWarning, stacklevel=2)
    return CachedDataset(dataset, transform, target_transform, samples_folder(folder), key)
