"""SHD and SSC files: spikes of a model of the inner ear, read from one HDF5 file that is opened once."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from snn_data.events.events_to_frames import events_to_frames
from snn_data.events.tonic_source import fetch

__all__ = ["HeidelbergSpikes", "cochlea_frames", "heidelberg_part"]

CHANNELS = 700
EVENT = np.dtype([("t", np.int64), ("x", np.int64), ("p", np.int64)])


class HeidelbergSpikes(Dataset[tuple[np.ndarray, int]]):
    """Recordings of an SHD or SSC file.

    A sample is a structured array of events, the fields ``t`` (microseconds), ``x`` (channel 0 to 699) and ``p`` (1),
    and its class. Each process opens the file once, at its first sample.

    Args:
        path: The HDF5 file.

    Raises:
        ImportError: If h5py is not installed.
        FileNotFoundError: If there is no such file.

    Example:
        >>> import tempfile
        >>> from snn_data.writers import write_heidelberg
        >>> path = Path(tempfile.mkdtemp()) / "shd_train.h5"
        >>> write_heidelberg(path, [{"t": [0.25, 0.5], "x": [7, 3]}], labels=[1], speakers=[3], keys=["zero", "one"])
        >>> events, label = HeidelbergSpikes(path)[0]
        >>> events["t"].tolist(), events["x"].tolist(), label
        ([250000, 500000], [7, 3], 1)

    Source: Cramer et al., The Heidelberg Spiking Data Sets (2020); the fields are those of tonic's events.
    """

    def __init__(self, path: str | Path) -> None:
        self.path: Path = Path(path)
        self._opened: tuple[int, Any] | None = None
        file = self._file()
        self.targets: Tensor = torch.from_numpy(file["labels"][()].astype(np.int64))
        self.speakers: Tensor = torch.from_numpy(file["extra/speaker"][()].astype(np.int64))
        self.classes: list[str] = [key.decode() for key in file["extra/keys"][()]]

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"there is no recording {index}: the file has {len(self)}")
        file = self._file()
        units = file["spikes/units"][index % len(self)]
        events = np.empty(len(units), dtype=EVENT)
        # float16 ends at 65,504: most times in microseconds would be infinite
        events["t"] = file["spikes/times"][index % len(self)].astype(np.float64) * 1e6
        events["x"] = units
        events["p"] = 1
        return events, int(self.targets[index])

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_opened": None}

    def _file(self) -> Any:
        """Return the open file of this process; a handle inherited by a fork belongs to its parent."""
        if self._opened is None or self._opened[0] != os.getpid():
            try:
                import h5py
            except ImportError as error:
                raise ImportError("HeidelbergSpikes reads HDF5: pip install 'snn-data[tonic]'") from error
            self._opened = (os.getpid(), h5py.File(self.path, "r"))
        return self._opened[1]


def heidelberg_part(source: Any, part: str, folder: str | Path | None, *, may_download: bool) -> HeidelbergSpikes:
    """Make sure that a part of SHD or SSC is in its folder, and open it; ``source`` is tonic's class."""
    archive, md5 = getattr(source, f"{part}_zip"), getattr(source, f"{part}_md5")
    file = archive.removesuffix(".zip")
    root = fetch(source, source.base_url + archive, archive, md5, file, folder, may_download=may_download)
    return HeidelbergSpikes(root / source.__name__ / file)


def cochlea_frames(dt: float) -> functools.partial[Tensor]:
    """Return a transform of SHD and SSC events to counts ``[T, 700]`` in time bins of ``dt`` seconds from 0 s on."""
    return functools.partial(_counts, dt=round(dt * 1e6, 3))


def _counts(events: Any, dt: float) -> Tensor:
    return events_to_frames(events, (CHANNELS, 1, 1), dt=dt, start=0).squeeze(1)
