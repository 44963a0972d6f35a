"""A contiguous part of a data set, which keeps its attributes."""

from __future__ import annotations

from typing import TypeVar

from snn_data.splits.dataset_fields import HasDataAndTargets, check_fields, take
from snn_data.whole import integer

__all__ = ["data_subset"]

DatasetT = TypeVar("DatasetT", bound=HasDataAndTargets)


def data_subset(dataset: DatasetT, subset: int, idx: int = 0) -> DatasetT:
    r"""Keep one of `subset` equal, contiguous parts of a data set, in place.

    .. math:: [\,idx \cdot s,\ (idx+1) \cdot s\,), \qquad s = \lfloor n / subset \rfloor

    Unlike with ``torch.utils.data.Subset``, the attributes ``data`` and ``targets`` remain. Samples are kept in order,
    so a file sorted by class gives parts with few classes; `stratified_split` does not.

    Args:
        dataset: Data set with ``data`` and ``targets``: tensors, numpy arrays or lists, ``n`` samples.
        subset: Factor to shrink by, 1 or more; 1 changes nothing.
        idx: Number of the part, from 0 to ``subset - 1``.

    Returns:
        The same object, now with ``n // subset`` samples.

    Raises:
        TypeError: If `subset` or `idx` is not an integer, or the data set lacks ``data`` or ``targets``.
        ValueError: If `subset` is below 1 or above ``n``, or `idx` is out of range.

    Example:
        >>> import torch
        >>> from snn_data import LabelledTensors
        >>> pairs = LabelledTensors(torch.arange(7.0), torch.arange(7))
        >>> data_subset(pairs, subset=3, idx=1).targets
        tensor([2, 3])

    Source: ``snntorch.utils.data_subset`` (snnTorch 1.0.0), for the call and the choice of samples.
    """
    subset, idx = integer("data_subset", "subset", subset), integer("data_subset", "idx", idx)
    samples = check_fields(dataset, "data_subset")
    if subset < 1:
        raise ValueError(f"data_subset needs a subset of 1 or more, got {subset}")
    if not 0 <= idx < subset:
        raise ValueError(f"data_subset needs an idx from 0 to {subset - 1} for subset={subset}, got {idx}")
    if subset == 1:
        return dataset
    size = samples // subset
    if size == 0:
        raise ValueError(f"data_subset cannot cut {samples} samples into {subset} parts: choose a smaller subset")
    indices = range(size * idx, size * (idx + 1))
    # both parts are computed before either is stored, so that a failure leaves the data set intact
    data, targets = take(dataset.data, indices), take(dataset.targets, indices)
    dataset.data, dataset.targets = data, targets
    return dataset
