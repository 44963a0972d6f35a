"""Quantized weights in training."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from snn_functional._messages import fault, must
from snn_functional._numbers import whole
from snn_functional.quant._straight_through import straight_through
from snn_functional.quant.grid import MOST_FRACTION_BITS, check_bits


class weight_quant(nn.Module):  # noqa: N801
    r"""Weights rounded to integers of :math:`b` bits times a step, with the gradient of the identity.

    .. math:: Q(w) = s\,\mathrm{clamp}\big(\mathrm{round}(w / s),\ -m,\ m\big), \qquad m = 2^{b-1} - 1

    The step s is :math:`\max|w| / m`, so that the largest weight stays; it follows the weights and has no gradient of
    its own. It is a parametrization: ``parametrize.register_parametrization(layer, "weight", weight_quant(4))`` trains
    the layer with rounded weights and keeps the unrounded ones as ``layer.parametrizations.weight.original``. It also
    works for a bias, and for the beta or threshold of a neuron. Halves are rounded to the even neighbor. Weights that
    are all 0 stay 0; one that is not finite makes all that share its step NaN.

    Args:
        num_bits: b, from 2 to 16, including the sign.
        channel_axis: Axis along which every entry has its own step, 0 for the output channels of ``nn.Linear`` and
            ``nn.Conv2d``; None for one step per tensor.
        power_of_two: Whether to take the next power of two for the step, which a net needs to run on integers.
        fraction_bits: f, from 0 to 24, for the step :math:`2^{-f}` whatever the weights are; weights larger than
            :math:`m\,2^{-f}` saturate.

    Shape:
        any, floating point; the rounded weights have the same shape, dtype and device.

    Raises:
        TypeError: If an argument is of the wrong kind, or the weight is not a floating-point tensor.
        ValueError: If an argument is out of range, two of them contradict each other, or the weight has no such axis.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from torch.nn.utils import parametrize
        >>> from snn_functional import quant
        >>> layer = nn.Linear(3, 1, bias=False)
        >>> _ = parametrize.register_parametrization(layer, "weight", quant.weight_quant(num_bits=3))
        >>> layer.weight = torch.tensor([[0.15, -0.35, 0.6]])
        >>> layer.weight
        tensor([[ 0.2000, -0.4000,  0.6000]], grad_fn=<_StraightThroughBackward>)

    Source: Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference
    (2018).
    """

    def __init__(
        self,
        num_bits: int = 8,
        channel_axis: int | None = None,
        power_of_two: bool = False,
        fraction_bits: int | None = None,
    ) -> None:
        super().__init__()
        check_bits(num_bits, 2, 16)
        if channel_axis is not None:
            whole("channel_axis", channel_axis, "the number of an axis or None")
        if fraction_bits is not None:
            check_bits(fraction_bits, 0, MOST_FRACTION_BITS, "fraction_bits")
            if channel_axis is not None or power_of_two:
                raise ValueError(
                    fault(
                        f"fraction_bits is {fraction_bits} and sets the step",
                        "leave out channel_axis and power_of_two, which let the weights set it",
                    )
                )
        self.num_bits = num_bits
        self.channel_axis = channel_axis
        self.power_of_two = power_of_two
        self.fraction_bits = fraction_bits

    def forward(self, weight: Tensor) -> Tensor:
        """Return the rounded weights.

        Args:
            weight: Weights of any shape, floating point.

        Returns:
            The rounded ones, of the same shape and dtype.

        Raises:
            TypeError: If ``weight`` is not a floating-point tensor.
            ValueError: If it has no axis ``channel_axis``.
        """
        return straight_through(weight, self._rounded, "weight")

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Return the unrounded weights to store when weights are assigned: the same ones."""
        return weight

    def step(self, weight: Tensor) -> Tensor:
        """Return the step s between neighboring weights.

        Args:
            weight: Weights of any shape, floating point.

        Returns:
            A tensor that broadcasts against the weights, at least float32.

        Raises:
            ValueError: If the weight has no axis ``channel_axis``.
        """
        wide = weight.detach().to(torch.promote_types(weight.dtype, torch.float32))
        if self.fraction_bits is not None:
            return wide.new_tensor(2.0**-self.fraction_bits)
        shared = self._shared_axes(weight)
        if not wide.numel():
            return wide.new_ones(())
        largest = wide.abs().amax(shared, keepdim=True) if shared else wide.abs()
        share = largest / self._most
        step = torch.where(share == 0, largest, share)  # the share of a tiny weight may be less than the dtype holds
        if self.power_of_two:
            mantissa, _ = step.frexp()  # 0.5 for a power of two
            # NaN if there is no step
            step = torch.where(mantissa == 0.5, step, step / mantissa).clamp(max=_highest_power(weight.dtype))
        return torch.where(largest == 0, 1, step)

    def _shared_axes(self, weight: Tensor) -> list[int]:
        """Return the axes along which weights share a step."""
        axes = list(range(weight.dim()))
        if self.channel_axis is not None:
            if not -weight.dim() <= self.channel_axis < weight.dim():
                raise ValueError(
                    must("channel_axis", f"be an axis of the weight of shape {tuple(weight.shape)}", self.channel_axis)
                )
            axes.pop(self.channel_axis)
        return axes

    @property
    def _most(self) -> int:
        return 2 ** (self.num_bits - 1) - 1

    def _rounded(self, weight: Tensor) -> Tensor:
        step = self.step(weight)
        most = (torch.finfo(weight.dtype).max / step).floor_().clamp_(max=self._most)  # that the dtype holds
        return (weight / step).round_().clamp_(-most, most).mul_(step).to(weight.dtype)

    def extra_repr(self) -> str:
        options = ("channel_axis", "power_of_two", "fraction_bits")
        chosen = [n for n in options if getattr(self, n) is not None and getattr(self, n) is not False]
        return ", ".join(f"{n}={getattr(self, n)}" for n in ("num_bits", *chosen))


def _highest_power(dtype: torch.dtype) -> float:
    """Return the highest power of two of a dtype."""
    return math.ldexp(0.5, math.frexp(torch.finfo(dtype).max)[1])
