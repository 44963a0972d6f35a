"""Losses of the membrane of the output layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from snn_functional._messages import fault, must
from snn_functional._numbers import finite
from snn_functional._recording import check_real, checked_labels
from snn_functional._scores import Over, check_over, scores
from snn_functional._steps import Steps
from snn_functional.loss._labeled_loss import CrossEntropy, LabeledLoss


class ce_membrane_loss(CrossEntropy):  # noqa: N801
    r"""Cross entropy of membranes, as those of a :class:`~snn_core.Readout`: of their mean, maximum or last ones.

    .. math:: l_b = \mathrm{CE}(z_b, y_b), \qquad z_b = \frac{1}{T} \sum_t U_{tb}, \quad \max_t U_{tb}
        \quad\text{or}\quad U_{Tb}

    Args:
        over: How the membranes of all steps become the scores z of a sample: ``"mean"``, ``"max"``, the highest
            membrane of each output, or ``"last"``, those of the sample's last step.
        reduction: ``"mean"`` or ``"sum"`` over the batch, or ``"none"``.
        weight: Weight of each class ``[num_classes]``, by which the losses of its samples are multiplied; the mean is
            divided by the number of samples.
        label_smoothing: Share of the label that is spread over all classes, in [0, 1]; with ``weight``, which then
            multiplies the terms of its class, as in ``torch.nn.functional.cross_entropy``.

    Shape:
        membranes ``[num_steps, batch, num_classes]`` and labels ``[batch]``; the loss is a scalar, ``[batch]`` with
        ``reduction="none"``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If an argument is out of range.

    Example:
        >>> import torch
        >>> from snn_functional import ce_membrane_loss
        >>> mem_out = torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]]])  # both outputs have the mean 0.5
        >>> ce_membrane_loss()(mem_out, torch.tensor([0]))  # ln 2
        tensor(0.6931)
        >>> ce_membrane_loss(over="last")(mem_out, torch.tensor([0]))  # ln(1 + 1/e)
        tensor(0.3133)

    Source: Cramer et al., The Heidelberg Spiking Data Sets for the Systematic Evaluation of Spiking Neural Networks
        (2022), maximum and last step; Bittar and Garner, A surrogate gradient spiking baseline for speech command
        recognition (2022), sum.
    """

    __name__ = "ce_membrane_loss"
    mean_is_over_samples: ClassVar[bool] = True
    recording = "mem_out"

    def __init__(
        self,
        over: Over = "mean",
        reduction: str = "mean",
        weight: Tensor | Sequence[float] | None = None,
        *,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction=reduction, weight=weight, label_smoothing=label_smoothing)
        check_over(over)
        self.over: Over = over

    def losses(self, outputs: Tensor, targets: Tensor, steps: Steps, group: int) -> Tensor:
        """Return the cross entropy of the scores, ``[B]``."""
        return self.cross_entropy(scores(outputs, steps, self.over), targets)


class ce_max_membrane_loss(ce_membrane_loss):  # noqa: N801
    r"""Cross entropy of the highest membrane that each output reaches: :class:`ce_membrane_loss` over the maximum.

    .. math:: l_b = \mathrm{CE}\big(\max_t U_{tb},\ y_b\big)

    Args:
        reduction: ``"mean"`` or ``"sum"`` over the batch, or ``"none"``.
        weight: Weight of each class ``[num_classes]``, by which the losses of its samples are multiplied; the mean is
            divided by the number of samples.
        label_smoothing: Share of the label that is spread over all classes, in [0, 1]; with ``weight``, which then
            multiplies the terms of its class, as in ``torch.nn.functional.cross_entropy``.

    Shape:
        membranes ``[num_steps, batch, num_classes]`` and labels ``[batch]``; the loss is a scalar, ``[batch]`` with
        ``reduction="none"``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If an argument is out of range.

    Example:
        >>> import torch
        >>> from snn_functional import ce_max_membrane_loss
        >>> mem_out = torch.tensor([[[0.0, 1.0]], [[1.0, -5.0]]])  # both outputs reach 1
        >>> ce_max_membrane_loss()(mem_out, torch.tensor([0]))  # ln 2
        tensor(0.6931)

    Source: Zenke and Vogels, The Remarkable Robustness of Surrogate Gradient Learning (2021), maximum over time.
    """

    __name__ = "ce_max_membrane_loss"

    def __init__(
        self,
        reduction: str = "mean",
        weight: Tensor | Sequence[float] | None = None,
        *,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__("max", reduction, weight, label_smoothing=label_smoothing)


class mse_membrane_loss(LabeledLoss):  # noqa: N801
    r"""Squared distance of the membrane from a target, averaged over time.

    .. math:: l_{bc} = \frac{1}{T} \sum_t \big(U_{tbc} - Y_{tbc}\big)^2

    Y is ``on_target`` for the sample's class and ``off_target`` for the others, at all steps.

    Args:
        time_var_targets: Whether the targets are the desired membranes at each step ``[num_steps, batch,
            num_classes]``, or the labels of each step ``[num_steps, batch]``, instead of one label per sample.
        on_target: Desired membrane of the correct class.
        off_target: Desired membrane of the others.
        reduction: ``"mean"`` or ``"sum"`` over batch and classes, or ``"none"``.
        weight: Weight of each class ``[num_classes]``; the mean is divided by the sum of the samples' weights. Not
            with ``time_var_targets=True``, where a sample has no single class.

    Shape:
        membranes ``[num_steps, batch, num_classes]`` and targets; the loss is a scalar, ``[batch, num_classes]`` with
        ``reduction="none"``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If an argument is out of range.

    Example:
        >>> import torch
        >>> from snn_functional import mse_membrane_loss
        >>> mem_out = torch.tensor([[[0.5, 0.0]], [[0.5, 0.5]]])
        >>> mse_membrane_loss(reduction="none")(mem_out, torch.tensor([0]))
        tensor([[0.2500, 0.1250]])

    Source: Eshraghian et al., Training Spiking Neural Networks Using Lessons From Deep Learning (2023).
    """

    __name__ = "mse_membrane_loss"
    recording = "mem_out"

    def __init__(
        self,
        time_var_targets: bool = False,
        on_target: float = 1,
        off_target: float = 0,
        reduction: str = "mean",
        weight: Tensor | Sequence[float] | None = None,
    ) -> None:
        super().__init__(reduction=reduction, weight=weight)
        if time_var_targets and weight is not None:
            raise ValueError(
                fault(
                    "weight is given with time_var_targets=True, but a class weight needs one label per sample",
                    "leave out weight",
                )
            )
        self.time_var_targets = time_var_targets
        self.on_target: float = finite("on_target", on_target)
        self.off_target: float = finite("off_target", off_target)

    def checked_targets(self, targets: Tensor, outputs: Tensor, steps: Steps) -> Tensor:
        """Return labels ``[B]``, or with ``time_var_targets`` membranes ``[T, B, K]``."""
        if not self.time_var_targets:
            return super().checked_targets(targets, outputs, steps)
        if isinstance(targets, Tensor) and targets.dim() == 2:
            if targets.shape != outputs.shape[:2]:
                raise ValueError(
                    must(
                        "targets",
                        f"have one label per step and sample of mem_out, {list(outputs.shape[:2])}",
                        tuple(targets.shape),
                    )
                )
            flat = outputs.flatten(0, 1).unsqueeze(0)  # every step of every sample has its label
            counted = None if steps.counted is None else steps.counted.reshape(-1)
            labels = checked_labels(targets.reshape(-1), flat, outputs.shape[-1], self.recording, counted)
            return self._expected(labels, flat[0]).reshape(outputs.shape)
        check_real(targets, "targets")
        if targets.shape != outputs.shape:
            raise ValueError(
                must(
                    "targets",
                    f"have shape {list(outputs.shape)} or, for labels, {list(outputs.shape[:2])} with "
                    "time_var_targets=True",
                    tuple(targets.shape),
                )
            )
        return targets.to(outputs)

    def losses(self, outputs: Tensor, targets: Tensor, steps: Steps, group: int) -> Tensor:
        """Return the mean over time of the squared errors, ``[B, K]``."""
        expected = targets if self.time_var_targets else self._expected(targets, outputs[0])
        return steps.mean(F.mse_loss(outputs, expected.expand_as(outputs), reduction="none"))

    def _expected(self, labels: Tensor, like: Tensor) -> Tensor:
        return torch.full_like(like, self.off_target).scatter(-1, labels.unsqueeze(-1), self.on_target)
