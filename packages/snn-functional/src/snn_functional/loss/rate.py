"""Losses of the spikes in every step."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from snn_functional._steps import Steps
from snn_functional.loss._labeled_loss import CrossEntropy


class ce_rate_loss(CrossEntropy):  # noqa: N801
    r"""Cross entropy of the spikes at every step, averaged over time.

    .. math:: l_b = \frac{1}{T} \sum_t \mathrm{CE}(S_{tb}, y_b)

    It is smallest if the correct class fires at all steps and the others at none. With a population code the spikes of
    a class are summed at every step.

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
        >>> from snn_functional import ce_rate_loss
        >>> ce_rate_loss()(torch.zeros(3, 2, 4), torch.tensor([0, 3]))  # ln 4
        tensor(1.3863)

    Source: Eshraghian et al., Training Spiking Neural Networks Using Lessons From Deep Learning (2023).
    """

    __name__ = "ce_rate_loss"
    mean_is_over_samples: ClassVar[bool] = True

    def losses(self, outputs: Tensor, targets: Tensor, steps: Steps, group: int) -> Tensor:
        """Return the mean over time of the cross entropy of each step, ``[B]``."""
        return steps.mean(self.cross_entropy(outputs, targets))
