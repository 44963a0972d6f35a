"""Split by group, so that no speaker, user or device is in both parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from snn_data.splits.split import SplitIndices, must_be_share
from snn_data.whole import integers

__all__ = ["group_split"]


def group_split(groups: Tensor | np.ndarray | Sequence[int], share: float, seed: int = 0) -> SplitIndices:
    r"""Split sample indices so that every group is in one part only.

    Groups are taken in random order; one goes to the test part if that brings its size nearer to ``share * n``. The
    first always goes to the test part, and the last always stays for training.

    Args:
        groups: Group of each sample (its speaker, say), integers of shape ``[samples]``.
        share: Share of the samples in the test part, in (0, 1); met as closely as whole groups allow.
        seed: Seed of the order; the global random state is neither read nor changed.

    Returns:
        ``(train, test)``: disjoint, together every index, each ascending.

    Raises:
        TypeError: If the groups are not integers, or `share` is not a number.
        ValueError: If the groups are not one-dimensional, there are fewer than two, or `share` is outside (0, 1).

    Example:
        >>> groups = torch.tensor([3, 3, 8, 8, 5, 5])
        >>> train, test = group_split(groups, share=0.3)
        >>> len(test), set(groups[train].tolist()) & set(groups[test].tolist())
        (2, set())

    Source: splits by speaker, Cramer et al., The Heidelberg Spiking Data Sets (2020), section II.
    """
    tensor = integers("group_split", "groups", groups, "number them, 0 for the first")
    must_be_share("group_split", share)
    names, sizes = torch.unique(tensor, sorted=True, return_counts=True)
    if len(names) < 2:
        raise ValueError(f"group_split needs two groups or more, got {len(names)}")

    goal = share * len(tensor)
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed), device="cpu").tolist()
    chosen, taken = [order[0]], int(sizes[order[0]])
    for group in order[1:-1]:
        size = int(sizes[group])
        if abs(taken + size - goal) < abs(taken - goal):
            chosen.append(group)
            taken += size
    in_test = torch.isin(tensor, names[chosen])
    return SplitIndices(torch.nonzero(~in_test).squeeze(1), torch.nonzero(in_test).squeeze(1))
