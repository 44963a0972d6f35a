"""The base of all losses of a recording and its targets: checks, population code, class weights, reduction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor
from torch.nn import functional as F

from snn_functional._messages import must
from snn_functional._numbers import as_tensor, share
from snn_functional._placed import placed
from snn_functional._population import by_class, check_population
from snn_functional._recording import check_recording, checked_labels, warn_of_membranes, wide
from snn_functional._steps import Steps
from snn_functional.loss.loss_functions import LossFunctions


class LabeledLoss(LossFunctions, ABC):
    r"""A loss of one recording ``[T, B, C]`` and the labels ``[B]``.

    With class weights w the sample b counts w[y_b] times:

    .. math:: \text{mean} = \frac{1}{n} \sum_b w_{y_b} l_b, \qquad \text{sum} = \sum_b w_{y_b} l_b

    n is the sum of the samples' weights, or the number of samples in a loss that says so.

    A subclass with a ``_compute_loss`` of its own is called like one of :class:`LossFunctions`.
    """

    recording = "spk_out"  # the name of its recording, in messages
    mean_is_over_samples: ClassVar[bool] = False  # True if n is the number of samples, weighted or not
    label_smoothing: float = 0.0  # if positive, the losses are weighted before they are reduced
    instead: ClassVar[str] = ""  # what to use for membranes; of a loss that means nothing but spikes

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "_compute_loss" in vars(cls) and "__call__" not in vars(cls):
            cls.__call__ = LossFunctions.__call__  # pyrefly: ignore[bad-assignment]  (it takes no lengths)

    def __init__(
        self,
        population_code: bool = False,
        num_classes: int = False,
        reduction: str = "mean",
        weight: Tensor | Sequence[float] | None = None,
    ) -> None:
        check_population(population_code, num_classes)
        super().__init__(reduction, None if weight is None else _checked_weight(weight))
        self.population_code = population_code
        self.num_classes = num_classes

    def __call__(
        self,
        spk_out: Tensor,
        targets: Tensor,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Return the loss of a recording.

        Args:
            spk_out: Outputs ``[num_steps, batch, num_outputs]``, floating.
            targets: Labels ``[batch]``, integers; or other targets that the loss takes.
            lengths: Number of steps of each sample ``[batch]``, if they differ; later steps do not count.
            mask: Steps that count ``[num_steps, batch]``, bool; replaces ``lengths``.

        Returns:
            A scalar, or with ``reduction="none"`` one loss per sample, ``[batch]`` or ``[batch, num_classes]``; in the
            dtype of ``spk_out`` (16-bit floats are summed in float32).

        Raises:
            TypeError: If ``spk_out`` is not a floating tensor, ``targets`` not an integer tensor, ``lengths`` not
                integers or ``mask`` not bool.
            ValueError: If shapes, devices, labels, weights or ``num_classes`` do not fit, or a sample has no step. An
                accelerator checks labels, ``lengths`` and ``mask`` by itself and stops, so that nothing waits for it.

        Warns:
            UserWarning: If a loss of spike counts or times, but not of cross entropies of the spikes, gets outputs on
                the CPU that are negative and of several sizes, as membranes are.
        """
        check_recording(spk_out, self.recording)
        if not spk_out.is_floating_point():
            raise TypeError(
                must(self.recording, "be floats", f"dtype {spk_out.dtype}", f"pass {self.recording}.float()")
            )
        steps = Steps(spk_out, lengths, mask, self.recording)
        if self.instead:
            warn_of_membranes(spk_out, steps, f"pass the spikes, or use {self.instead}")
        classes = steps.only(by_class(wide(spk_out), self.population_code, self.num_classes))
        checked = self.checked_targets(targets, classes, steps)
        if self.weight is not None and self.weight.numel() != classes.shape[-1]:
            raise ValueError(
                must(
                    "weight",
                    f"have one entry for each of {classes.shape[-1]} classes",
                    f"{self.weight.numel()} entries",
                )
            )
        losses = self.losses(classes, checked, steps, group=spk_out.shape[-1] // classes.shape[-1])
        return self._reduced(losses, checked).to(spk_out.dtype)

    def checked_targets(self, targets: Tensor, outputs: Tensor, steps: Steps) -> Tensor:
        """Return targets that fit the outputs ``[T, B, K]``: labels ``[B]``, or others, which have no class weights."""
        return checked_labels(targets, outputs, outputs.shape[-1], self.recording)

    @abstractmethod
    def losses(self, outputs: Tensor, targets: Tensor, steps: Steps, group: int) -> Tensor:
        """Return the losses ``[B]`` or ``[..., B, K]`` before any weight or reduction.

        Args:
            outputs: Outputs by class ``[T, B, K]``, float32 or float64, 0 at steps that do not count.
            targets: The result of ``checked_targets``.
            steps: The steps that count.
            group: Number of output neurons of a class.
        """

    def _reduced(self, losses: Tensor, targets: Tensor) -> Tensor:
        number: Tensor | int = losses.numel()
        if self.weight is not None:
            sample = placed(self.weight, losses)[targets]
            shares = (sample if losses.dim() == 1 else sample.unsqueeze(-1)).expand_as(losses)
            if not self.label_smoothing:
                losses = losses * shares
            if not self.mean_is_over_samples:
                number = shares.sum()
        if self.reduction == "none":
            return losses
        return losses.sum() if self.reduction == "sum" else losses.sum() / number


class CrossEntropy(LabeledLoss):
    """A loss that is made of cross entropies, with smoothed labels if ``label_smoothing`` is positive."""

    def __init__(
        self,
        population_code: bool = False,
        num_classes: int = False,
        reduction: str = "mean",
        weight: Tensor | Sequence[float] | None = None,
        *,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(population_code, num_classes, reduction, weight)
        self.label_smoothing: float = share(
            "label_smoothing", label_smoothing, "as the share of all classes in a label"
        )

    def cross_entropy(self, scores: Tensor, labels: Tensor) -> Tensor:
        r"""Return the cross entropies ``[..., B]`` of scores ``[..., B, K]`` and labels ``[B]``.

        .. math:: -(1 - \epsilon) \log p_y - \frac{\epsilon}{K} \sum_c \log p_c, \qquad
            p_c = \frac{e^{z_c}}{\sum_k e^{z_k}}

        With smoothed labels each logarithm is multiplied by the weight of its class, as in PyTorch.
        """
        weight = placed(self.weight, scores) if self.label_smoothing and self.weight is not None else None
        expanded = labels.expand(scores.shape[:-1])
        return F.cross_entropy(
            scores.flatten(0, -2),
            expanded.flatten(),
            weight,
            reduction="none",
            label_smoothing=self.label_smoothing,
        ).reshape(expanded.shape)


def _checked_weight(weight: Tensor | Sequence[float]) -> Tensor:
    weights = as_tensor("weight", weight, "a tensor with one number per class")
    if weights.is_complex():
        raise TypeError(must("weight", "be real numbers", f"dtype {weights.dtype}"))
    if weights.dim() != 1:
        raise ValueError(
            must("weight", "have one number for each class, [num_classes]", f"shape {tuple(weights.shape)}")
        )
    wrong = ~((weights >= 0) & weights.isfinite())
    if wrong.any():
        raise ValueError(must("weight", "be finite numbers of at least 0", weights[wrong][0].item()))
    return weights
