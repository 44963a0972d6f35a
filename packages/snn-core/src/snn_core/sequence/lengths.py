"""The lengths of the samples of a padded batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from snn_core.sequence.folding import Folding


def folding_of(lengths: Any, xs: Tensor) -> Folding:
    """Find out which samples of a padded batch run in each step, up to the end of the longest.

    There is one step at least, in which nothing may run.

    Args:
        lengths: Number of steps of each sample ``[batch]``, integers in 0..T.
        xs: The batch ``[T, batch, ...]``.

    Returns:
        Its folding; the plain one where every sample has all steps.

    Raises:
        ValueError: If there is no batch axis, or not one length in 0..T for each sample.
        TypeError: If the lengths are no integers.

    Example:
        >>> folding_of([1, 3, 0], torch.zeros(4, 3, 2)).running
        (2, 1, 1)
    """
    if xs.dim() < 2:
        raise ValueError(f"unroll: lengths are of samples, but xs of shape {tuple(xs.shape)} has no batch axis 1")
    steps, batch = xs.shape[:2]
    found = _integers(lengths, xs.device)
    if found.shape != (batch,):
        raise ValueError(
            f"unroll: lengths has shape {tuple(found.shape)}; xs of shape {tuple(xs.shape)} takes one a sample, "
            f"[{batch}]"
        )
    outside = (found < 0) | (found > steps)
    if outside.any():
        raise ValueError(
            f"unroll: lengths holds {found[outside][0].item()}; with {steps} steps it lies in [0, {steps}]"
        )
    if batch and (found == steps).all():
        return Folding(steps)
    longest = max(found.tolist(), default=0) or 1
    running = (found > torch.arange(longest, device=xs.device).unsqueeze(1)).sum(1)
    return Folding(longest, tuple(running.tolist()), found.argsort(descending=True, stable=True))


def _integers(lengths: Any, device: torch.device) -> Tensor:
    try:
        found = torch.as_tensor(lengths, device=device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"unroll: lengths is {lengths!r:.100}; pass one integer a sample, as a tensor or list"
        ) from error
    if isinstance(lengths, list | tuple) and not lengths:
        return found.long()  # an empty list has no type of its own
    if found.is_floating_point() or found.is_complex() or found.dtype == torch.bool:
        raise TypeError(f"unroll: lengths is {found.dtype}; numbers of steps are integers: pass lengths.long()")
    return found
