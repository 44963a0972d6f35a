"""Points in the sign of yin and yang, three classes that no line separates, drawn from a seed."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_data.sets.drawn_parts import drawn_parts
from snn_data.sets.labelled_tensors import LabelledTensors
from snn_data.splits.split import ThreePartSplit

__all__ = ["yin_yang"]

RADIUS = 0.5
DOT_RADIUS = 0.1


def yin_yang(
    train_samples: int = 5000, valid_samples: int = 1000, test_samples: int = 1000, *, seed: int = 0
) -> ThreePartSplit[LabelledTensors]:
    r"""Draw the points of the Yin-Yang data set, with the class of each: 0 yin, 1 yang, 2 dot.

    .. math:: \text{data} = (x,\ y,\ 1 - x,\ 1 - y), \qquad (x - 0.5)^2 + (y - 0.5)^2 \le 0.5^2

    Dots are the points less than 0.1 from the left center, (0.25, 0.5), or from the right one, (0.75, 0.5). Of the
    others, yang is up to 0.25 from the left center, or in the upper half and more than 0.25 from the right one; yin is
    the rest. The class of a sample is drawn first, each as likely as the others, and then a point of this class,
    uniformly. A net without a hidden layer reaches about 64 %.

    Args:
        train_samples: Number of samples in the training part.
        valid_samples: Number of samples in the validation part.
        test_samples: Number of samples in the test part.
        seed: Seed of the draw, 0 or more. A part depends on it and on its own number of samples alone; the global
            random state is neither read nor changed.

    Returns:
        ``(train, valid, test)``, each with ``data``, float32 values in [0, 1] of shape ``[samples, 4]``, and
        ``targets``, int64 classes 0 to 2 of shape ``[samples]``.

    Raises:
        TypeError: If a number of samples or the seed is not an integer.
        ValueError: If a number of samples is less than 1, or the seed is negative.

    Example:
        >>> train, valid, test = yin_yang()
        >>> train.data.shape, valid.data.shape, test.targets.shape
        (torch.Size([5000, 4]), torch.Size([1000, 4]), torch.Size([1000]))

    Source: Kriener, Göltz and Petrovici, The Yin-Yang dataset (2022), and the class numbers of their program.
    """
    return drawn_parts("yin_yang", _drawn, (train_samples, valid_samples, test_samples), seed)


def _drawn(samples: int, generator: torch.Generator) -> LabelledTensors:
    targets = torch.randint(3, (samples,), generator=generator, device="cpu")
    points = torch.empty(samples, 2, dtype=torch.float32, device="cpu")
    missing = torch.arange(samples, device="cpu")
    while len(missing):
        points[missing] = torch.rand(len(missing), 2, generator=generator, dtype=torch.float32, device="cpu")
        missing = missing[_classes(points[missing]) != targets[missing]]
    # the points are multiples of 2**-24, so that 1 - x is exact
    return LabelledTensors(torch.cat([points, 1 - points], dim=1), targets)


def _classes(points: Tensor) -> Tensor:
    """Return the class of each point, -1 outside of the circle."""
    x, y = points.double().unbind(1)
    left, right = (torch.hypot(x - center, y - RADIUS) for center in (0.5 * RADIUS, 1.5 * RADIUS))
    classes = ((left <= RADIUS / 2) | ((y > RADIUS) & (right > RADIUS / 2))).long()
    classes[(left < DOT_RADIUS) | (right < DOT_RADIUS)] = 2
    classes[torch.hypot(x - RADIUS, y - RADIUS) > RADIUS] = -1
    return classes
