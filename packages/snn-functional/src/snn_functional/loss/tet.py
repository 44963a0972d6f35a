"""The loss of temporal efficient training."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from snn_functional._numbers import finite, share
from snn_functional._steps import Steps
from snn_functional.loss._labeled_loss import CrossEntropy


class tet_loss(CrossEntropy):  # noqa: N801
    r"""Cross entropy of the outputs at every step, and their squared distance from a constant.

    .. math:: l_b = \frac{1}{T} \sum_t \Big[(1 - \lambda)\, \mathrm{CE}(O_{tb}, y_b)
        + \frac{\lambda}{K} \sum_c (O_{tbc} - \phi)^2\Big]

    The outputs are those of the last layer of weights, or membranes, without spikes.

    Args:
        lamb: Share of the squared distance, in [0, 1].
        phi: Constant from which the distance is measured, as a rule the threshold of the neurons.
        reduction: ``"mean"`` or ``"sum"`` over the batch, or ``"none"``.
        label_smoothing: Share of the label that is spread over all classes, in [0, 1].

    Shape:
        outputs ``[num_steps, batch, num_classes]`` and labels ``[batch]``; the loss is a scalar, ``[batch]`` with
        ``reduction="none"``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If an argument is out of range.

    Example:
        >>> import torch
        >>> from snn_functional import tet_loss
        >>> tet_loss(lamb=0.5)(torch.zeros(3, 2, 4), torch.tensor([0, 3]))  # (ln 4 + 1) / 2
        tensor(1.1931)

    Source: Deng et al., Temporal Efficient Training of Spiking Neural Network via Gradient Re-weighting (2022).
    """

    __name__ = "tet_loss"
    recording = "mem_out"
    mean_is_over_samples: ClassVar[bool] = True

    def __init__(
        self, lamb: float = 0.05, phi: float = 1.0, reduction: str = "mean", *, label_smoothing: float = 0.0
    ) -> None:
        super().__init__(reduction=reduction, label_smoothing=label_smoothing)
        self.lamb: float = share("lamb", lamb, "as the share of the squared distance")
        self.phi: float = finite("phi", phi)

    def losses(self, outputs: Tensor, targets: Tensor, steps: Steps, group: int) -> Tensor:
        """Return the mean over time of the weighted sum of both terms, ``[B]``."""
        distance = (outputs - self.phi).square().mean(-1)
        return steps.mean((1 - self.lamb) * self.cross_entropy(outputs, targets) + self.lamb * distance)
