"""One-hot labels: a row that is 1 at the label's class and 0 elsewhere."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snn_spikegen._arguments import whole_number
from snn_spikegen._data import floating, floating_dtype, without_nan
from snn_spikegen._device_checks import is_any
from snn_spikegen._messages import fault, must


def to_one_hot(targets: Tensor, num_classes: int) -> Tensor:
    """Return labels as rows that are 1 at the label's class and 0 elsewhere.

    Args:
        targets: Labels ``[*shape]``, whole numbers in [0, num_classes - 1] of any real dtype.
        num_classes: Number of classes C.

    Returns:
        Ones and zeros ``[*shape, num_classes]``, in the default dtype; labels in a floating dtype keep it.

    Raises:
        TypeError: If ``targets`` is not a real tensor or ``num_classes`` not an int.
        ValueError: If a label is not a class, or ``num_classes`` is smaller than 1.

    Example:
        >>> import torch
        >>> from snn_spikegen import to_one_hot
        >>> to_one_hot(torch.tensor([0, 2]), num_classes=3)
        tensor([[1., 0., 0.],
                [0., 0., 1.]])

    Source: Bishop, Pattern Recognition and Machine Learning (2006), chapter 4 (1-of-K coding).
    """
    dtype = floating_dtype(targets, "targets")
    classes = whole_number("num_classes", num_classes, least=1)
    rows = torch.zeros(*targets.shape, classes, dtype=dtype, device=targets.device)
    return rows.scatter_(-1, labels(targets, classes).unsqueeze(-1), 1)


def labels(targets: Tensor, classes: int) -> Tensor:
    """Return labels as indices."""
    indices = targets.long()
    unknown = (indices < 0) | (indices >= classes)
    if targets.is_floating_point():
        unknown |= indices != targets
    rule = f"be integers in [0, {classes - 1}] with num_classes={classes}"
    if is_any(unknown, f"targets must {rule}"):
        raise ValueError(must("targets", rule, targets[unknown][0].item()))
    return indices


def to_one_hot_inverse(one_hot_targets: Tensor) -> Tensor:
    """Turn zeros into ones and everything else into zeros: the targets of the incorrect classes.

    Args:
        one_hot_targets: Ones and zeros ``[*shape]``, any real dtype.

    Returns:
        Ones and zeros ``[*shape]``, in the same floating dtype (the default dtype for integers).

    Raises:
        TypeError: If ``one_hot_targets`` is not a real tensor.
        ValueError: If it contains NaN.

    Example:
        >>> import torch
        >>> from snn_spikegen import to_one_hot_inverse
        >>> to_one_hot_inverse(torch.tensor([0.0, 0.0, 1.0]))
        tensor([1., 1., 0.])

    Source: the complement of a one-hot row, ``1 - to_one_hot(targets, num_classes)``.
    """
    rows = floating(one_hot_targets, "one_hot_targets")
    without_nan(rows, "one_hot_targets")
    return (rows == 0).to(rows.dtype)


def from_one_hot(one_hot_label: Tensor) -> Tensor:
    """Return the label of each row: the index of its largest entry.

    Args:
        one_hot_label: One-hot rows, or scores, ``[*shape, C]``, any real dtype.

    Returns:
        Labels ``[*shape]``, int64.

    Raises:
        TypeError: If ``one_hot_label`` is not a real tensor.
        ValueError: If there is no class axis, or a row has no single largest entry, such as a row of zeros.

    Example:
        >>> import torch
        >>> from snn_spikegen import from_one_hot
        >>> from_one_hot(torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]))
        tensor([2, 1])

    Source: the inverse of ``to_one_hot``.
    """
    rows = floating(one_hot_label, "one_hot_label").detach()
    if rows.dim() == 0 or rows.shape[-1] == 0:
        raise ValueError(
            must("one_hot_label", "have a class axis, [*shape, C] with C >= 1", f"shape {tuple(rows.shape)}")
        )
    largest, winners = rows.max(-1)
    others = rows.scatter(-1, winners.unsqueeze(-1), -math.inf)
    unclear = ~(others.amax(-1) < largest)  # NaN too
    if is_any(unclear, "one_hot_label has a row without a single largest entry, so no label"):
        row = tuple(unclear.nonzero()[0].tolist())
        raise ValueError(
            fault(f"one_hot_label has no single largest entry in row {row}, so no label", "drop or fix that row")
        )
    return winners
