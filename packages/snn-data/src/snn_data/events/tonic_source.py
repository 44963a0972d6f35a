"""Data sets at the addresses that tonic names, fetched with checks that tonic does not make."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from snn_data.files.download import download
from snn_data.files.extract import extract
from snn_data.files.folders import data_folder

__all__ = ["fetch", "recordings", "tonic_class"]


def tonic_class(name: str, caller: str) -> Any:
    """Find a data set class of tonic."""
    try:
        return getattr(importlib.import_module("tonic.datasets"), name)
    except ImportError as error:
        raise ImportError(f"{caller}() takes its data set from tonic: pip install 'snn-data[tonic]'") from error


def fetch(
    source: Any, url: str, filename: str, md5: str, unpacked: str, folder: str | Path | None, *, may_download: bool
) -> Path:
    """Make sure that one part of a data set is unpacked where tonic looks for it.

    Args:
        source: tonic's class, which has the name of the folder.
        url: Address of the archive.
        filename: Name of the archive.
        md5: MD5 checksum of the archive, the only one that is published.
        unpacked: File or folder that the archive contains.
        folder: Folder of all data sets; `data_folder` if None.
        may_download: True to fetch missing files.

    Source: the layout of tonic 1.7.
    """
    root = data_folder() if folder is None else Path(folder).expanduser()
    place = root / source.__name__
    if not (place / unpacked).exists():
        if not may_download:
            raise FileNotFoundError(f"{place / unpacked} is missing: put it there, or call with download=True")
        extract(download(url, place / filename, checksum=f"md5:{md5}"), place)
        if not (place / unpacked).exists():
            raise FileNotFoundError(f"{place / filename} was unpacked but did not contain {unpacked}")
    return root


def recordings(source: Any, unpacked: tuple[str, str], folder: str | Path | None, *, may_download: bool) -> list[Any]:
    """Make sure that the training and the test part of a data set are there, and let tonic open both.

    The samples are sorted by their paths: tonic lists them in the order of the file system, so that an index would mean
    a different recording on another machine.

    Source: tonic 1.7, ``tonic.dataset``.
    """
    # everything is in place, however few recordings there are, and tonic's own download does not check what it unpacks
    present = type(source.__name__, (source,), {"download": lambda self: None})
    datasets = []
    for part, name in zip(("train", "test"), unpacked, strict=True):
        url, filename, md5 = (getattr(source, f"{part}_{field}") for field in ("url", "filename", "md5"))
        root = fetch(source, url, filename, md5, name, folder, may_download=may_download)
        dataset = present(save_to=str(root), train=part == "train")
        dataset.__class__ = source  # importable by its name, so that workers can be spawned
        order = sorted(range(len(dataset.data)), key=dataset.data.__getitem__)
        for attribute in ("data", "targets", "users", "lighting"):
            if hasattr(dataset, attribute):
                setattr(dataset, attribute, [getattr(dataset, attribute)[i] for i in order])
        datasets.append(dataset)
    return datasets
