"""The data that a conversion uses: samples, and labels if there are any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

_MANY = 256  # samples that are run at once


def samples_of(data: Any) -> tuple[Tensor, Tensor | None]:
    """Return the samples ``[samples, ...]`` of ``data``, and their labels ``[samples]`` or None."""
    samples, labels = data if isinstance(data, tuple | list) and len(data) == 2 else (data, None)
    if not isinstance(samples, Tensor):
        raise TypeError(
            f"data is a {type(data).__name__}; pass a tensor [samples, ...], or a pair of such a tensor and labels, "
            "such as next(iter(loader)), or train[:] of snn.data"
        )
    if not samples.is_floating_point():
        raise TypeError(
            f"data has dtype {samples.dtype}; pass floating-point numbers, like those that the net was trained on"
        )
    if samples.dim() < 2 or not samples.numel():
        raise ValueError(f"data has shape {tuple(samples.shape)}; it must be [samples, ...], with no axis of size 0")
    if not samples.isfinite().all():
        raise ValueError("data contains NaN or infinity; leave those samples out")
    if labels is None:
        return samples.detach(), None
    if not isinstance(labels, Tensor):
        raise TypeError(f"the labels of data are a {type(labels).__name__}; pass an integer tensor [samples]")
    if labels.is_floating_point() or labels.is_complex():
        raise TypeError(f"the labels of data have dtype {labels.dtype}; pass integers: labels.long()")
    needed = (len(samples),)
    if labels.shape != needed:
        raise ValueError(
            f"the labels of data have shape {tuple(labels.shape)}; with {len(samples)} samples it must be {needed}"
        )
    return samples.detach(), labels.long()  # torch does not compare all unsigned integers


def parts(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Cut tensors along axis 0 into parts that are run at once."""
    return zip(*(tensor.split(_MANY) for tensor in tensors), strict=True)
