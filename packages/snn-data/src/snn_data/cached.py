"""Transformed samples kept on disk, in files named by the content of their sources."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from snn_data.fingerprint import fingerprint
from snn_data.folders import data_folder
from snn_data.sample_file import read_sample, write_sample

__all__ = ["CachedDataset", "cached"]

FORMAT = "2"  # 1 took samples for the same whose axes are in another order in memory


@dataclass(eq=False, repr=False)
class CachedDataset(Dataset[Any]):
    """A data set whose transformed samples are kept on disk; made by `cached`.

    Args:
        dataset: Data set of ``(data, target)`` pairs.
        transform: Applied to ``data``; None keeps it.
        target_transform: Applied to ``target``; None keeps it.
        folder: Folder of the files.
        dataset_key: A name for the data set's content, or None to use the content of each sample.

    Example:
        >>> CachedDataset([(1, 2)], None, None, Path("cache"), None)
        CachedDataset(samples=1, folder=cache)

    Source: content-addressed storage, Quinlan and Dorward, Venti (2002).
    """

    dataset: Any
    transform: Callable[[Any], Any] | None
    target_transform: Callable[[Any], Any] | None
    folder: Path
    dataset_key: str | None

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"there is no sample {index}: the data set has {len(self)} samples")
        place = index % len(self)
        load = functools.cache(lambda: self.dataset[place])
        content = (self.dataset_key, place) if self.dataset_key is not None else load()
        # the transforms are read at every access, because one that is changed in place makes different samples
        key = fingerprint((FORMAT, content, self.transform, self.target_transform))
        path = self.folder / key[:2] / f"{key[2:]}.npz"
        try:
            return read_sample(path)
        except FileNotFoundError:
            pass
        except ValueError as error:
            warnings.warn(f"a cached sample is damaged and is made again: {error}", RuntimeWarning, stacklevel=2)
        transformed = self._transformed(load(), index)
        try:
            write_sample(path, transformed)
        except PermissionError:
            if not path.exists():  # Windows does not replace a file that a faster worker is reading
                raise
        # read from the file even the first time, so that the sample is the same every time
        return read_sample(path)

    def _transformed(self, sample: Any, index: int) -> tuple[Any, Any]:
        """Return the transformed sample; transforms may overwrite one that the data set creates at every access."""
        data, target = sample
        before = _content(sample)
        data = data if self.transform is None else self.transform(data)
        target = target if self.target_transform is None else self.target_transform(target)
        if _content(sample) != before and _content(self.dataset[index % len(self)]) != before:
            raise ValueError(
                f"a transform of cached() overwrote sample {index} of the data set; let it change a copy, "
                "such as data.clone() or data.copy(), and load the data set again"
            )
        return data, target

    def __repr__(self) -> str:
        return f"CachedDataset(samples={len(self)}, folder={self.folder})"


def _content(sample: Any) -> str | None:
    """Return the fingerprint of a sample; None if it has none, which is allowed if the data set has a key."""
    try:
        return fingerprint(sample)
    except TypeError:
        return None


def cached(
    dataset: Any,
    transform: Callable[[Any], Any] | None = None,
    *,
    target_transform: Callable[[Any], Any] | None = None,
    folder: str | Path | None = None,
    dataset_key: str | None = None,
) -> CachedDataset:
    """Keep the transformed samples of a data set on disk.

    A file is named by the content of the sample and of the transforms (see `fingerprint`: code, closure, parameters,
    the functions called), read at every access. A transform that is edited, or changed in place, makes new files and
    never gives a sample of the old one; changed back, it finds the old files again. Files are written atomically, so
    any number of workers and programs may share a folder. Reading them runs no code. A hit costs the digest of the
    sample and the reading of a compressed file, a few milliseconds: caching pays off for transforms that take longer.

    Args:
        dataset: Data set of ``(data, target)`` pairs, indexed from 0, with a length.
        transform: Applied to ``data`` once; it must always give the same result, so leave randomness to `augmented`,
            and must not overwrite the data set's own sample.
        target_transform: Applied to ``target`` once.
        folder: Folder of the files; ``samples`` in `data_folder` if None. It may be deleted at any time.
        dataset_key: A text that names the data set's content, such as the checksum of its archive. With it a sample is
            identified by this text and its index, and a stored one is not read from the data set again.

    Returns:
        A data set of the same length.

    Raises:
        TypeError: At access, if a transform's content cannot be read or a sample cannot be stored.
        ValueError: At access, if a transform overwrites a sample of the data set; nothing is stored.

    Example:
        >>> import tempfile, torch
        >>> folder = tempfile.mkdtemp()
        >>> frames = cached([(torch.arange(3), 7)], lambda x: 2 * x, folder=folder)
        >>> frames[0]
        (tensor([0, 2, 4]), 7)
        >>> cached([(torch.arange(3), 7)], lambda x: 3 * x, folder=folder)[0]
        (tensor([0, 3, 6]), 7)

    Source: content-addressed storage, Quinlan and Dorward, Venti (2002).
    """
    place = data_folder() / "samples" if folder is None else Path(folder).expanduser().absolute()
    return CachedDataset(dataset, transform, target_transform, place, dataset_key)
