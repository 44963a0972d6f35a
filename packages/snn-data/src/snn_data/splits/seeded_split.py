"""Seeded split of samples without regard to their classes."""

from __future__ import annotations

import torch

from snn_data.splits.split import SplitIndices, must_be_share
from snn_data.whole import integer

__all__ = ["seeded_split"]


def seeded_split(samples: int, share: float, seed: int = 0) -> SplitIndices:
    r"""Split sample indices at random; `stratified_split` also keeps the shares of the classes.

    .. math:: n^{test} = round(share \cdot n)

    Args:
        samples: Number of samples n.
        share: Share of the samples in the test part, in (0, 1).
        seed: Seed of the draw; the global random state is neither read nor changed.

    Returns:
        ``(train, test)``: disjoint, together every index, each ascending.

    Raises:
        TypeError: If `samples` is not an integer, or `share` is not a number.
        ValueError: If `share` is outside (0, 1), or a part would be empty.

    Example:
        >>> train, test = seeded_split(10, share=0.3)
        >>> len(train), len(test)
        (7, 3)

    Source: simple random sampling, Cochran, Sampling Techniques (1977), chapter 2.
    """
    samples = integer("seeded_split", "samples", samples)
    must_be_share("seeded_split", share)
    in_test = round(share * samples)
    if not 0 < in_test < samples:
        raise ValueError(f"seeded_split: a share of {share} of {samples} samples leaves a part empty; choose another")
    order = torch.randperm(samples, generator=torch.Generator().manual_seed(seed), device="cpu")
    return SplitIndices(order[in_test:].sort().values, order[:in_test].sort().values)
