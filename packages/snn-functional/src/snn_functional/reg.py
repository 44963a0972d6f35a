"""Regularization of recorded spikes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from snn_functional._numbers import finite
from snn_functional._recording import check_real, wide
from snn_functional._steps import Steps

__all__ = ["l1_rate_sparsity"]


class l1_rate_sparsity:  # noqa: N801
    r"""Penalty on the number of spikes.

    .. math:: L = \Lambda \sum S

    Args:
        Lambda: Weight of the penalty, finite.

    Shape:
        spikes ``[*shape]``, any shape; the loss is a scalar in their floating dtype.

    Raises:
        TypeError: If ``Lambda`` is not a number.
        ValueError: If it is not finite.

    Example:
        >>> import torch
        >>> from snn_functional import l1_rate_sparsity
        >>> l1_rate_sparsity(Lambda=0.5)(torch.ones(3, 2, 1))
        tensor(3.)

    Source: Cramer et al., The Heidelberg Spiking Data Sets (2022), activity regularization.
    """

    __name__ = "l1_rate_sparsity"

    def __init__(self, Lambda: float = 1e-5) -> None:
        self.Lambda: float = finite("Lambda", Lambda, "the weight of a penalty, a number")

    def __call__(
        self, spk_out: Tensor, *, lengths: Tensor | Sequence[int] | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Return the penalty for recorded spikes.

        Args:
            spk_out: Spikes ``[*shape]``, any real dtype; ``[num_steps, batch, ...]`` with ``lengths`` or ``mask``.
            lengths: Number of steps of each sample ``[batch]``, if they differ; later steps do not count.
            mask: Steps that count ``[num_steps, batch]``, bool; replaces ``lengths``.

        Returns:
            The penalty, a scalar.

        Raises:
            TypeError: If ``spk_out`` is not a real tensor, ``lengths`` are not integers or ``mask`` is not bool.
            ValueError: If ``lengths`` or ``mask`` does not fit.
        """
        check_real(spk_out, "spk_out", "spikes are real numbers")
        spikes = spk_out
        if lengths is not None or mask is not None:
            if spk_out.dim() < 2:
                raise ValueError(
                    f"spk_out has shape {tuple(spk_out.shape)}; lengths and mask need [num_steps, batch, ...]"
                )
            spikes = Steps(spk_out, lengths, mask).only(spk_out)
        penalty = self.Lambda * wide(spikes).sum()
        return penalty.to(spk_out.dtype) if spk_out.is_floating_point() else penalty
