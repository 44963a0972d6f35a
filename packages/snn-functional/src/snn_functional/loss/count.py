"""Losses of the number of spikes over all steps."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from snn_functional._numbers import share
from snn_functional._steps import Steps
from snn_functional.loss._labeled_loss import CrossEntropy, LabeledLoss


class ce_count_loss(CrossEntropy):  # noqa: N801
    r"""Cross entropy of the spike counts.

    .. math:: l_b = \mathrm{CE}\big(\textstyle\sum_t S_{tb},\ y_b\big)

    With a population code the counts of a class are summed.

    Args:
        population_code: Whether a class is the sum of ``num_outputs / num_classes`` neighboring outputs.
        num_classes: Number of classes; needed with ``population_code=True``, without effect otherwise.
        reduction: ``"mean"`` or ``"sum"`` over the batch, or ``"none"``.
        weight: Weight of each class ``[num_classes]``, by which the losses of its samples are multiplied; the mean is
            divided by the number of samples.
        label_smoothing: Share of the label that is spread over all classes, in [0, 1]; with ``weight``, which then
            multiplies the terms of its class, as in ``torch.nn.functional.cross_entropy``.

    Shape:
        outputs ``[num_steps, batch, num_outputs]`` and labels ``[batch]``; the loss is a scalar, ``[batch]`` with
        ``reduction="none"``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If an argument is out of range.

    Example:
        >>> import torch
        >>> from snn_functional import ce_count_loss
        >>> ce_count_loss()(torch.zeros(3, 2, 4), torch.tensor([0, 3]))  # ln 4
        tensor(1.3863)

    Source: Eshraghian et al., Training Spiking Neural Networks Using Lessons From Deep Learning (2023).
    """

    __name__ = "ce_count_loss"
    mean_is_over_samples: ClassVar[bool] = True

    def losses(self, outputs: Tensor, targets: Tensor, steps: Steps, group: int) -> Tensor:
        """Return the cross entropy of the counts, ``[B]``."""
        return self.cross_entropy(outputs.sum(0), targets)


class mse_count_loss(LabeledLoss):  # noqa: N801
    r"""Squared distance of the spike counts from the desired counts, per step.

    .. math:: l_{bc} = \frac{1}{T} \big(\textstyle\sum_t S_{tbc} - N_{bc}\big)^2, \qquad
        N_{bc} = \lfloor T n r_{bc} \rfloor

    r is ``correct_rate`` for the sample's class and ``incorrect_rate`` for the others; n is the number of outputs of a
    class, 1 without a population code. Class weights apply to the whole sample.

    Args:
        correct_rate: Share of the steps in which the correct class should fire, in [0, 1].
        incorrect_rate: Share of the steps in which the others should fire, in [0, 1].
        population_code: Whether a class is the sum of ``num_outputs / num_classes`` neighboring outputs.
        num_classes: Number of classes; needed with ``population_code=True``, without effect otherwise.
        reduction: ``"mean"`` or ``"sum"`` over batch and classes, or ``"none"``.
        weight: Weight of each class ``[num_classes]``; the mean is divided by the sum of the samples' weights.

    Shape:
        outputs ``[num_steps, batch, num_outputs]`` and labels ``[batch]``; the loss is a scalar,
        ``[batch, num_classes]`` with ``reduction="none"``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If an argument is out of range.

    Example:
        >>> import torch
        >>> from snn_functional import mse_count_loss
        >>> mse_count_loss(correct_rate=0.8, incorrect_rate=0.2)(torch.zeros(5, 1, 2), torch.tensor([1]))
        tensor(1.7000)

    Source: Shrestha and Orchard, SLAYER: Spike Layer Error Reassignment in Time (2018).
    """

    __name__ = "mse_count_loss"
    instead: ClassVar[str] = "mse_membrane_loss"

    def __init__(
        self,
        correct_rate: float = 1,
        incorrect_rate: float = 0,
        population_code: bool = False,
        num_classes: int = False,
        reduction: str = "mean",
        weight: Tensor | Sequence[float] | None = None,
    ) -> None:
        super().__init__(population_code, num_classes, reduction, weight)
        self.correct_rate: float = share("correct_rate", correct_rate, "as a share of the steps")
        self.incorrect_rate: float = share("incorrect_rate", incorrect_rate, "as a share of the steps")

    def losses(self, outputs: Tensor, targets: Tensor, steps: Steps, group: int) -> Tensor:
        """Return the squared errors of the counts, divided by the number of steps, ``[B, K]``."""
        counts, number = outputs.sum(0), steps.number
        rates = self.incorrect_rate, self.correct_rate
        # in float64: 100 steps at a rate of 0.29 are 28.999999999999996, but 29 in float32
        if isinstance(number, int):
            off, on = (floor(number * rate * group) for rate in rates)
            expected = torch.full_like(counts, off).scatter(-1, targets.unsqueeze(-1), on)
        else:
            number = number.unsqueeze(-1)
            off, on = ((number.double() * rate * group).floor().to(counts) for rate in rates)
            expected = off.expand_as(counts).scatter(-1, targets.unsqueeze(-1), on)
        return F.mse_loss(counts, expected, reduction="none") / number
