"""Regularisation of recorded spikes."""

from __future__ import annotations

from math import isfinite

from torch import Tensor

from snn_functional._recording import wide

__all__ = ["l1_rate_sparsity"]


class l1_rate_sparsity:  # noqa: N801
    r"""Penalty on the number of spikes.

    .. math:: L = \Lambda \sum S

    Args:
        Lambda: Weight of the penalty, finite.

    Shape:
        spikes ``[*shape]``, any shape; the loss is a scalar in their floating dtype.

    Raises:
        ValueError: If ``Lambda`` is not finite.

    Example:
        >>> import torch
        >>> from snn_functional import l1_rate_sparsity
        >>> l1_rate_sparsity(Lambda=0.5)(torch.ones(3, 2, 1))
        tensor(3.)

    Source: Cramer et al., The Heidelberg Spiking Data Sets (2022), activity regularisation.
    """

    __name__ = "l1_rate_sparsity"

    def __init__(self, Lambda: float = 1e-5) -> None:
        if not isfinite(Lambda):
            raise ValueError(f"Lambda is {Lambda}; the weight of a penalty must be finite")
        self.Lambda = Lambda

    def __call__(self, spk_out: Tensor) -> Tensor:
        """The penalty for recorded spikes.

        Args:
            spk_out: Spikes ``[*shape]``, any real dtype.

        Returns:
            The penalty, a scalar.

        Raises:
            TypeError: If ``spk_out`` is no real tensor.
        """
        if not isinstance(spk_out, Tensor):
            raise TypeError(f"spk_out is a {type(spk_out).__name__}; pass a torch.Tensor")
        if spk_out.is_complex():
            raise TypeError(f"spk_out has dtype {spk_out.dtype}; spikes are real numbers")
        penalty = self.Lambda * wide(spk_out).sum()
        return penalty.to(spk_out.dtype) if spk_out.is_floating_point() else penalty
