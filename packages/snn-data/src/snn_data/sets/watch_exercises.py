"""Exercises recorded by a watch, sequences of unequal length, that come with seglearn and need no download."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_data.files.array_pickle import read_array_pickle
from snn_data.files.installed_file import installed_file
from snn_data.sets.labelled_sequences import LabelledSequences

__all__ = ["watch_exercises"]

SHA256 = "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537"


def watch_exercises() -> tuple[LabelledSequences, Tensor]:
    """Load 140 recordings of a watch during seven shoulder exercises; the task is to tell which exercise.

    Ten people did a set of each exercise with either arm, with the watch on the wrist of that arm. A recording has 947
    to 2618 steps of 20 ms (50 Hz) and six channels: the acceleration along x, y and z, in units of gravity, and the
    angular velocity about them. The exercises are, from class 0, by the authors' short names: PEN, ABD, FEL, IR, ER,
    TRAP, ROW.

    No person should be in both parts of a split, so the recordings come unsplit: `group_split` by subject splits them.

    seglearn is under the BSD 3-Clause license; neither it nor the file names a license of the data.

    Returns:
        ``(recordings, subjects)``: the recordings with ``data``, float32 sequences of shape ``[T_i, 6]``, ``targets``,
        int64 exercises 0 to 6 of shape ``[140]``, and ``lengths``; the person who did each, int64 1 to 10 of shape
        ``[140]``.

    Raises:
        ImportError: If seglearn is not installed; it is not imported.
        ChecksumError: If its file differs from that of release 1.2.5.

    Example:
        >>> from torch.utils.data import Subset
        >>> from snn_data import group_split
        >>> recordings, subjects = watch_exercises()
        >>> indices = group_split(subjects, share=0.3)
        >>> train, test = (Subset(recordings, part.tolist()) for part in indices)
        >>> len(train), len(test), recordings[0][0].shape
        (98, 42, torch.Size([1333, 6]))

    Source: Burns et al., Shoulder Physiotherapy Exercise Recognition: Machine Learning the Inertial Signals from a
        Smartwatch (2018); the copy in seglearn.
    """
    file = installed_file("seglearn", "data/watch_dataset.npy", SHA256, caller="watch_exercises", extra="watch")
    stored = read_array_pickle(file)
    recordings = [torch.from_numpy(samples).to(torch.float32).contiguous() for samples in stored["X"]]
    return LabelledSequences(recordings, torch.from_numpy(stored["y"])), torch.from_numpy(stored["subject"])
