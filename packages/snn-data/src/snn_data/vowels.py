"""Real speech of unequal length that comes with aeon and needs no download."""

from __future__ import annotations

import importlib.resources
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from snn_data.labelled_sequences import LabelledSequences

__all__ = ["VowelsSplit", "vowels"]


class VowelsSplit(NamedTuple):
    """The training and the test utterances, as the authors of the data divided them."""

    train: LabelledSequences
    test: LabelledSequences


def vowels() -> VowelsSplit:
    """Load 640 utterances of the Japanese vowels /ae/ by nine speakers; the task is to tell who speaks.

    An utterance is a sequence of 7 to 29 analysis frames of 12 linear-prediction cepstrum coefficients each. The test
    utterances were recorded at another time than those for training, by the same nine speakers; the numbers of the
    speakers in the test part differ (24 to 88).

    Returns:
        ``(train, test)`` of 270 and 370 samples, each with ``data``, float32 sequences of shape ``[T_i, 12]``,
        ``targets``, int64 speakers 0 to 8 of shape ``[samples]``, and ``lengths``.

    Raises:
        ImportError: If aeon is not installed.

    Example:
        >>> train, test = vowels()
        >>> len(train), len(test)
        (270, 370)
        >>> train.targets.bincount()
        tensor([30, 30, 30, 30, 30, 30, 30, 30, 30])
        >>> train[0][0].shape
        torch.Size([20, 12])

    Source: Kudo, Toyama and Shimbo, Multidimensional Curve Classification Using Passing-Through Regions (1999), UCI;
        the copy in aeon.
    """
    try:
        folder = importlib.resources.files("aeon").joinpath("datasets", "data", "JapaneseVowels")
    except ImportError as error:
        raise ImportError("vowels() reads aeon's copy of the data: pip install 'snn-data[vowels]'") from error
    parts = [folder.joinpath(f"JapaneseVowels_{part}.ts").read_text(encoding="utf-8") for part in ("TRAIN", "TEST")]
    return VowelsSplit(*(_sequences(text) for text in parts))


def _sequences(text: str) -> LabelledSequences:
    """Samples of a ``.ts`` file: a line each after ``@data``, channels and at last the class set apart by colons."""
    header, _, body = text.partition("@data\n")
    names = next(line.split()[2:] for line in header.splitlines() if line.startswith("@classLabel"))
    data: list[Tensor] = []
    targets: list[int] = []
    for line in body.splitlines():
        *channels, name = line.split(":")
        values = np.array([channel.split(",") for channel in channels], dtype=np.float32)
        data.append(torch.from_numpy(np.ascontiguousarray(values.T)))
        targets.append(names.index(name))
    return LabelledSequences(data, torch.tensor(targets))
