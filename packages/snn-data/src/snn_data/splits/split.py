"""The two or three parts of a data set, and the seeded, stratified split of a labeled one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from snn_data.whole import integers

__all__ = ["Split", "SplitIndices", "ThreePartSplit", "must_be_share", "stratified_split"]

PartT = TypeVar("PartT")


class Split(NamedTuple, Generic[PartT]):
    """The training and the test part of a data set, with no sample in both.

    Example:
        >>> parts = Split(train=[1, 2, 3], test=[4])
        >>> train, test = parts
        >>> test is parts.test
        True
    """

    train: PartT
    test: PartT


class ThreePartSplit(NamedTuple, Generic[PartT]):
    """The training, the validation and the test part of a data set, with no sample in two of them.

    Example:
        >>> parts = ThreePartSplit(train=[1, 2, 3], valid=[4], test=[5])
        >>> train, valid, test = parts
        >>> valid is parts.valid
        True
    """

    train: PartT
    """For the weights."""
    valid: PartT
    """For choosing a model, a step or a stopping time."""
    test: PartT
    """For the result that is reported; used once."""


class SplitIndices(NamedTuple):
    """Ascending sample indices of the two parts, each int64 of shape ``[samples in the part]``."""

    train: Tensor
    test: Tensor


def stratified_split(targets: Tensor | np.ndarray | Sequence[int], share: float, seed: int = 0) -> SplitIndices:
    r"""Split sample indices so that every class has the same share in both parts.

    .. math:: \bigl|\,n_c^{test} - share \cdot n_c\,\bigr| < 1, \qquad \sum_c n_c^{test} = round(share \cdot n)

    Class counts are rounded by largest remainder, ties to the lower class. The assignment of the samples of a class is
    drawn from `seed` alone; the global random state is neither read nor changed.

    Args:
        targets: Class of each sample, integers of shape ``[samples]``.
        share: Share of the samples in the test part, in (0, 1).
        seed: Seed of the draw.

    Returns:
        ``(train, test)``: disjoint, together every index, each ascending.

    Raises:
        TypeError: If the targets are not integers, or `share` is not a number.
        ValueError: If the targets are not one-dimensional, `share` is outside (0, 1), or a class is so small that
            one part would be left without it.

    Example:
        >>> train, test = stratified_split([0, 1, 0, 1, 0, 1, 0, 1], share=0.25, seed=0)
        >>> len(train), len(test)
        (6, 2)

    Source: Hare/Niemeyer method of largest remainder; Neyman, On the Two Different Aspects of the Representative
    Method (1934), section 3, for stratified sampling.
    """
    classes = integers("stratified_split", "classes", targets, "convert with .long()", bools=True)
    if classes.numel() == 0:
        raise ValueError("stratified_split needs at least one sample, got none")
    must_be_share("stratified_split", share)

    names, sizes = torch.unique(classes, sorted=True, return_counts=True)
    takes = _largest_remainder(sizes.tolist(), share)
    for name, size, take in zip(names.tolist(), sizes.tolist(), takes, strict=True):
        if not 0 < take < size:
            raise ValueError(
                f"class {name} has {size} samples: a share of {share} puts {take} in the test part and "
                f"{size - take} in the other; give it more samples or choose another share"
            )

    generator = torch.Generator().manual_seed(seed)
    in_test = torch.zeros(len(classes), dtype=torch.bool, device="cpu")
    for name, take in zip(names, takes, strict=True):
        members = torch.nonzero(classes == name).squeeze(1)
        chosen = torch.randperm(len(members), generator=generator, device="cpu")[:take]
        in_test[members[chosen]] = True
    return SplitIndices(torch.nonzero(~in_test).squeeze(1), torch.nonzero(in_test).squeeze(1))


def must_be_share(caller: str, share: Any) -> None:
    """Raise unless ``share`` is a number between 0 and 1, both excluded."""
    try:
        inside = 0 < share < 1
    except TypeError:
        raise TypeError(f"{caller} needs a number as share, got {share!r}") from None
    if not inside:
        raise ValueError(f"{caller} needs a share between 0 and 1, both excluded, got {share}")


def _largest_remainder(sizes: list[int], share: float) -> list[int]:
    """Return whole numbers within 1 of ``share * size`` that add up to ``round(share * total)``."""
    exact = [share * size for size in sizes]
    takes = [math.floor(value) for value in exact]
    missing = round(share * sum(sizes)) - sum(takes)
    # sorted() is stable, so equal remainders go to the lower class
    by_remainder = sorted(range(len(sizes)), key=lambda i: takes[i] - exact[i])
    for i in by_remainder[: max(missing, 0)]:
        takes[i] += 1
    return takes
