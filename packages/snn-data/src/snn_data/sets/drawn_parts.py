"""The three parts of a data set that is drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from snn_data.seeding import mixed_seed
from snn_data.sets.labelled_tensors import LabelledTensors
from snn_data.splits.split import ThreePartSplit
from snn_data.whole import integer

__all__ = ["drawn_parts"]


def drawn_parts(
    caller: str, draw: Callable[[int, torch.Generator], LabelledTensors], sizes: Sequence[int], seed: int
) -> ThreePartSplit[LabelledTensors]:
    """Draw each part of the given size from a generator of its own, so that it does not depend on the other sizes."""
    seed = integer(caller, "seed", seed)
    parts = []
    for i, (part, size) in enumerate(zip(ThreePartSplit._fields, sizes, strict=True)):
        if integer(caller, f"{part}_samples", size) < 1:
            raise ValueError(f"{caller} needs 1 sample or more in each part, got {part}_samples={size}")
        parts.append(draw(size, torch.Generator().manual_seed(mixed_seed(seed, i))))
    return ThreePartSplit(*parts)
