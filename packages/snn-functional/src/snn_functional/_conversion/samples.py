"""The data that a conversion uses: samples, and labels if there are any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from snn_functional._messages import fault, must

_MANY = 256  # samples that are run at once


def samples_of(data: Any) -> tuple[Tensor, Tensor | None]:
    """Return the samples ``[samples, ...]`` of ``data``, and their labels ``[samples]`` or None."""
    samples, labels = data if isinstance(data, tuple | list) and len(data) == 2 else (data, None)
    if not isinstance(samples, Tensor):
        raise TypeError(
            must(
                "data",
                "be a tensor [samples, ...], or a pair of such a tensor and labels",
                type(data).__name__,
                "pass next(iter(loader)), or train[:] of snn.data",
            )
        )
    if not samples.is_floating_point():
        raise TypeError(
            must("data", "be floating-point numbers, like those that the net was trained on", f"dtype {samples.dtype}")
        )
    if samples.dim() < 2 or not samples.numel():
        raise ValueError(must("data", "have shape [samples, ...], with no axis of size 0", tuple(samples.shape)))
    if not samples.isfinite().all():
        raise ValueError(fault("data contains NaN or infinity", "leave those samples out"))
    if labels is None:
        return samples.detach(), None
    if not isinstance(labels, Tensor):
        raise TypeError(must("the labels of data", "be an integer tensor [samples]", type(labels).__name__))
    if labels.is_floating_point() or labels.is_complex():
        raise TypeError(must("the labels of data", "be integers", f"dtype {labels.dtype}", "pass labels.long()"))
    needed = (len(samples),)
    if labels.shape != needed:
        raise ValueError(
            must("the labels of data", f"have shape {needed} for {len(samples)} samples", tuple(labels.shape))
        )
    return samples.detach(), labels.long()  # torch does not compare all unsigned integers


def parts(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Cut tensors along axis 0 into parts that are run at once."""
    return zip(*(tensor.split(_MANY) for tensor in tensors), strict=True)
