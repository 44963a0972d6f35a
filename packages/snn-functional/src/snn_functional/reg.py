"""Regularization of spikes: of a recording, and of all layers of a net."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from snn_functional._activity import Activity
from snn_functional._messages import fault, must
from snn_functional._numbers import finite, share
from snn_functional._recording import check_real, wide
from snn_functional._steps import Steps

__all__ = ["l1_rate_sparsity", "rate_band_loss"]


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
        check_real(spk_out, "spk_out")
        spikes = spk_out
        if lengths is not None or mask is not None:
            if spk_out.dim() < 2:
                raise ValueError(
                    must("spk_out", "have shape [num_steps, batch, ...] for lengths and mask", tuple(spk_out.shape))
                )
            spikes = Steps(spk_out, lengths, mask).only(spk_out)
        penalty = self.Lambda * wide(spikes).sum()
        return penalty.to(spk_out.dtype) if spk_out.is_floating_point() else penalty


class rate_band_loss:  # noqa: N801
    r"""Penalty on firing rates outside of a band, for every layer of a net.

    .. math:: L = \sum_l \frac{1}{N_l} \sum_{i \in l} \max(0, \rho_- - r_i)^2 + \max(0, r_i - \rho_+)^2

    The rate :math:`r_i` of a neuron is its mean number of spikes per step, over steps and samples. With
    ``per_neuron=False`` the mean rate of a layer takes the place of those of its neurons, so that single ones may be
    silent.

    Args:
        lower: The lowest rate without a penalty, in [0, 1].
        upper: The highest one, in [lower, 1].
        per_neuron: Whether each neuron is to stay in the band, or only the mean of each layer.

    Raises:
        TypeError: If a rate is not a number.
        ValueError: If a rate is outside of [0, 1], or ``upper`` is below ``lower``.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> from snn_functional import Activity, rate_band_loss
        >>> net = snn.Leaky(beta=0.5, init_hidden=True)
        >>> with Activity(net) as activity:
        ...     _ = snn.unroll(net, torch.tensor([[2.0, 0.0]]).expand(8, 1, 2))
        >>> activity.rates[""], rate_band_loss(0.25, 0.5)(activity)
        (tensor([1., 0.]), tensor(0.1562))

    Source: Zenke and Vogels, The Remarkable Robustness of Surrogate Gradient Learning for Instilling Complex Function
    in Spiking Neural Networks (2021), regularization by a lower and an upper threshold.
    """

    __name__ = "rate_band_loss"

    def __init__(self, lower: float = 0.01, upper: float = 0.2, per_neuron: bool = True) -> None:
        self.lower: float = share("lower", lower, "in spikes per step")
        self.upper: float = share("upper", upper, "in spikes per step")
        self.per_neuron = per_neuron
        if self.upper < self.lower:
            raise ValueError(
                must("upper", f"be at least lower={self.lower}", self.upper, "pass a band, such as (0.01, 0.2)")
            )

    def __call__(self, activity: Activity) -> Tensor:
        """Return the penalty for a net's activity.

        Args:
            activity: The activity, of a block in which the net has run.

        Returns:
            The penalty, a scalar.

        Raises:
            TypeError: If ``activity`` is not an :class:`~snn_functional.Activity`.
            ValueError: If no spiking neurons have run in its block.
        """
        if not isinstance(activity, Activity):
            raise TypeError(must("activity", "be an Activity(net) in whose block net ran", type(activity).__name__))
        rates: Any = activity.rates.values()
        if not rates:
            raise ValueError(
                fault("activity has no rates", "run a net with spiking neurons in its block: with activity: ...")
            )
        if not self.per_neuron:
            rates = [rate.mean() for rate in rates]
        outside = [(self.lower - rate).relu() + (rate - self.upper).relu() for rate in rates]
        return torch.stack([distance.square().mean() for distance in outside]).sum()
