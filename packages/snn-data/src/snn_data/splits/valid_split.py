"""A validation part drawn from a training set; both keep their attributes."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from snn_data.splits.dataset_fields import HasDataAndTargets, check_fields, take

__all__ = ["valid_split"]

TrainT = TypeVar("TrainT", bound=HasDataAndTargets)
ValT = TypeVar("ValT", bound=HasDataAndTargets)


def valid_split(ds_train: TrainT, ds_val: ValT, split: float, seed: int = 0) -> tuple[TrainT, ValT]:
    r"""Move a random share of a training set into a validation set, in place.

    .. math:: n_{val} = \lfloor n \cdot split \rfloor, \qquad n_{train} = n - n_{val}

    Unlike with ``torch.utils.data.random_split``, the attributes ``data`` and ``targets`` remain. The training samples
    come out shuffled, the validation samples in their original order; equal seeds give the same samples as in snnTorch.

    Args:
        ds_train: Data set with ``data`` and ``targets``: tensors, numpy arrays or lists, ``n`` samples.
        ds_val: A second object of the same kind; its content is replaced.
        split: Share of the samples that goes to the validation set, in [0, 1].
        seed: Seed of the draw.

    Returns:
        ``(ds_train, ds_val)``, the same two objects, with no sample in both.

    Raises:
        TypeError: If the training set lacks ``data`` or ``targets``.
        ValueError: If `split` is outside [0, 1], or both arguments are the same object.

    Example:
        >>> import torch
        >>> from snn_data import LabelledTensors
        >>> train = LabelledTensors(torch.arange(7.0), torch.arange(7))
        >>> val = LabelledTensors(torch.arange(7.0), torch.arange(7))
        >>> train, val = valid_split(train, val, split=0.3)
        >>> len(train), len(val)
        (5, 2)

    Source: ``snntorch.utils.valid_split`` (snnTorch 1.0.0), for the call and the choice of samples.
    """
    if not 0 <= split <= 1:
        raise ValueError(f"valid_split needs a split from 0 to 1, got {split}")
    if ds_train is ds_val:
        raise ValueError("valid_split needs two data set objects, got the same one twice: load it twice or copy it")
    samples = check_fields(ds_train, "valid_split")
    train = np.random.default_rng(seed).choice(samples, size=samples - int(samples * split), replace=False)
    left_out = np.ones(samples, dtype=bool)
    left_out[train] = False
    val = np.flatnonzero(left_out)
    # everything is computed before anything is stored, so that a failure leaves both data sets intact
    parts = [take(field, part) for part in (train, val) for field in (ds_train.data, ds_train.targets)]
    ds_train.data, ds_train.targets, ds_val.data, ds_val.targets = parts
    return ds_train, ds_val
