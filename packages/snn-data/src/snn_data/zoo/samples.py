"""Samples for the nets of the zoo."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from snn_data.collate import RaggedBatch, collate
from snn_data.sets.digits import digits
from snn_data.sets.labelled_tensors import LabelledTensors
from snn_data.sets.mnist5k import mnist5k
from snn_data.sets.vowels import vowels
from snn_data.splits.split import Split
from snn_data.zoo.nets import must_be_known

__all__ = ["STEPS", "STEPS_PER_FRAME", "between_frames", "samples"]

STEPS: dict[str, int] = {"digits": 8, "mnist5k": 5}
STEPS_PER_FRAME = 2
IMAGES: dict[str, Callable[[], Split[LabelledTensors]]] = {"digits": digits, "mnist5k": mnist5k}


def samples(name: str) -> RaggedBatch:
    """Load the samples that a net of the zoo was tested on, in the form in which it is fed.

    Images are shown in each of 8 or 5 steps; speech has two steps per frame, interpolated.

    Args:
        name: ``"digits"``, ``"mnist5k"`` or ``"vowels"``.

    Returns:
        ``(data, targets, lengths, mask)``, data ``[T, B, ...]``: images ``[T, 359, 1, 8, 8]`` or
        ``[T, 1000, 1, 28, 28]`` of brightness in [0, 1], or cepstrum coefficients ``[T, 370, 12]`` of utterances of
        unequal length.

    Raises:
        ImportError: If the package that has the data is not installed.
        ChecksumError: If its file is not the expected one.
        ValueError: If the zoo has no such net.

    Example:
        >>> import snn_core as snn
        >>> from snn_data import zoo
        >>> xs, targets, lengths, _ = samples("digits")
        >>> with torch.no_grad():
        ...     spk = snn.unroll(zoo.load("digits"), xs, lengths=lengths)
        >>> bool((spk.sum(0).argmax(1) == targets).double().mean() > 0.97)
        True

    Source: the sources of ``digits``, ``mnist5k`` and ``vowels``.
    """
    must_be_known(name)
    if name not in IMAGES:
        pairs = vowels().test
        return collate([(between_frames(sample, STEPS_PER_FRAME * len(sample)), target) for sample, target in pairs])
    test, steps = IMAGES[name]().test, STEPS[name]
    lengths = torch.full((len(test),), steps, dtype=torch.int64, device="cpu")
    mask = torch.ones(steps, len(test), dtype=torch.bool, device="cpu")
    # shown in every step, but held in memory once
    return RaggedBatch(test.data.expand(steps, *test.data.shape), test.targets, lengths, mask)


def between_frames(frames: Tensor, steps: int) -> Tensor:
    """Return a sequence of ``steps`` steps, ``[steps, ...]``, interpolated linearly between ``[frames, ...]``."""
    rows = frames.T.unsqueeze(0)
    return functional.interpolate(rows, steps, mode="linear", align_corners=True).squeeze(0).T
