"""Samples for the nets of the zoo."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from snn_data.collate import RaggedBatch, collate
from snn_data.digits import digits
from snn_data.mnist5k import mnist5k
from snn_data.vowels import vowels
from snn_data.zoo.nets import must_be_known

__all__ = ["STEPS", "STEPS_PER_FRAME", "between_frames", "samples"]

STEPS: dict[str, int] = {"digits": 8, "mnist5k": 5}
STEPS_PER_FRAME = 2


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
    return PARTS[name]()


def between_frames(frames: Tensor, steps: int) -> Tensor:
    """Return a sequence of ``steps`` steps, ``[steps, ...]``, interpolated linearly between ``[frames, ...]``."""
    rows = frames.T.unsqueeze(0)
    return functional.interpolate(rows, steps, mode="linear", align_corners=True).squeeze(0).T


def _shown(images: Tensor, targets: Tensor, steps: int) -> RaggedBatch:
    """Return a batch that shows images in every step but holds them in memory once."""
    lengths = torch.full((len(images),), steps, dtype=torch.int64, device="cpu")
    mask = torch.ones(steps, len(images), dtype=torch.bool, device="cpu")
    return RaggedBatch(images.expand(steps, *images.shape), targets, lengths, mask)


def _digits() -> RaggedBatch:
    _, test = digits()
    return _shown(test.data, test.targets, STEPS["digits"])


def _mnist5k() -> RaggedBatch:
    _, test = mnist5k()
    return _shown(test.data, test.targets, STEPS["mnist5k"])


def _vowels() -> RaggedBatch:
    _, test = vowels()
    return collate([(between_frames(sample, STEPS_PER_FRAME * len(sample)), target) for sample, target in test])


PARTS: dict[str, Callable[[], RaggedBatch]] = {"digits": _digits, "mnist5k": _mnist5k, "vowels": _vowels}
