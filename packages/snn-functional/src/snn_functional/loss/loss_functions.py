"""The base class for losses of your own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from snn_functional._messages import fault, must
from snn_functional._population import by_class, check_population

REDUCTIONS = ("mean", "sum", "none")


class LossFunctions:
    r"""Base class for losses of your own: write ``_compute_loss(spk_out, targets)``.

    A call returns ``_reduce(_compute_loss(spk_out, targets))``. With class weights ``_intermediate_reduction()`` is
    ``"none"``, so that there is one loss per sample, and ``_reduce`` takes the mean over the batch: a weight multiplies
    the losses of its class, and their sum is divided by the number of samples. A sum with weights is left to
    ``_compute_loss``.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``, for ``_compute_loss`` to obey.
        weight: Weight of each class, a tensor, for ``_compute_loss`` to multiply by; None for none.

    Raises:
        TypeError: If ``weight`` is not a tensor.
        ValueError: If ``reduction`` is not one of the three.

    Example:
        A loss of the first half of the steps:

        >>> import torch
        >>> from torch import nn
        >>> from snn_functional import LossFunctions
        >>> class early_loss(LossFunctions):
        ...     def _compute_loss(self, spk_out, targets):
        ...         device, num_steps, num_outputs = self._prediction_check(spk_out)
        ...         loss_fn = nn.CrossEntropyLoss(weight=self.weight, reduction=self._intermediate_reduction())
        ...         return loss_fn(spk_out[: num_steps // 2].sum(0), targets)
        >>> early_loss(reduction="mean", weight=None)(torch.zeros(6, 2, 4), torch.tensor([0, 3]))  # ln 4
        tensor(1.3863)
    """

    def __init__(self, reduction: str = "mean", weight: Tensor | None = None) -> None:
        if reduction not in REDUCTIONS:
            raise ValueError(must("reduction", f"be one of {', '.join(map(repr, REDUCTIONS))}", repr(reduction)))
        if weight is not None and not isinstance(weight, Tensor):
            raise TypeError(
                must("weight", "be a tensor with one number per class", repr(weight), "pass torch.as_tensor(weight)")
            )
        self.reduction = reduction
        self.weight: Tensor | None = weight

    def __call__(self, spk_out: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of a recording.

        Args:
            spk_out: Outputs ``[num_steps, batch, num_outputs]``, or whatever ``_compute_loss`` takes instead.
            targets: Labels ``[batch]``, or whatever ``_compute_loss`` takes instead.

        Returns:
            The loss.

        Raises:
            NotImplementedError: If the class has no ``_compute_loss``.
        """
        return self._reduce(self._compute_loss(spk_out, targets))

    def _compute_loss(self, spk_out: Any, targets: Any) -> Tensor:
        """Return the loss before the mean over weighted samples; every class writes its own."""
        raise NotImplementedError(
            fault(
                f"{type(self).__name__} has no _compute_loss",
                "write _compute_loss(self, spk_out, targets), which returns the loss",
            )
        )

    def _prediction_check(self, spk_out: Tensor) -> tuple[torch.device, int, int]:
        """Return device, number of steps and number of outputs of a recording ``[num_steps, batch, num_outputs]``."""
        return spk_out.device, spk_out.size(0), spk_out.size(-1)

    def _population_code(self, spk_out: Tensor, num_classes: int, num_outputs: int) -> Tensor:
        """Return spike counts ``[batch, num_classes]``, each of ``num_outputs / num_classes`` neighboring outputs."""
        check_population(True, num_classes)
        return by_class(spk_out[..., :num_outputs], True, num_classes).sum(0)

    def _intermediate_reduction(self) -> str:
        """Return the reduction for ``_compute_loss``: the requested one, or ``"none"`` if weights come before it."""
        return self.reduction if self.weight is None else "none"

    def _reduce(self, loss: Tensor) -> Tensor:
        """Return the mean over the samples if weights delayed it, else the loss as it is."""
        return loss.mean() if self.weight is not None and self.reduction == "mean" else loss
