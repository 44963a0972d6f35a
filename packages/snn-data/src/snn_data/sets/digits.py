"""Real handwritten digits, 8x8 pixels, that come with scikit-learn and need no download."""

from __future__ import annotations

import torch

from snn_data.sets.labelled_tensors import LabelledTensors
from snn_data.splits.split import Split, stratified_split

__all__ = ["digits"]

# The scans are 4x4 blocks of binary pixels, so a pixel counts from 0 to 16.
PIXEL_MAX = 16


def digits(test_share: float = 0.2, split_seed: int = 0) -> Split[LabelledTensors]:
    """Load the 1,797 handwritten digits, split into a training and a test part.

    The split is stratified and depends on `split_seed` and `test_share` alone, so runs with different training
    seeds are tested on the same samples.

    Args:
        test_share: Share of the samples in the test part, in (0, 1).
        split_seed: Seed of the split.

    Returns:
        ``(train, test)``, each with ``data``, float32 images in [0, 1] of shape ``[samples, 1, 8, 8]``, and
        ``targets``, int64 digits 0 to 9 of shape ``[samples]``.

    Raises:
        ImportError: If scikit-learn is not installed.
        ValueError: If `test_share` leaves a part without some digit.

    Example:
        >>> train, test = digits()
        >>> train.data.shape, test.data.shape
        (torch.Size([1438, 1, 8, 8]), torch.Size([359, 1, 8, 8]))
        >>> test.targets.bincount()
        tensor([36, 36, 35, 37, 36, 36, 36, 36, 35, 36])

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits (1998), UCI; the copy in scikit-learn.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError("digits() reads scikit-learn's copy of the data: pip install 'snn-data[digits]'") from error
    pixels, labels = load_digits(return_X_y=True)
    data = torch.as_tensor(pixels, dtype=torch.float32, device="cpu").div(PIXEL_MAX).reshape(-1, 1, 8, 8)
    targets = torch.as_tensor(labels, dtype=torch.int64, device="cpu")
    parts = stratified_split(targets, test_share, split_seed)
    return Split(*(LabelledTensors(data[part], targets[part]) for part in parts))
