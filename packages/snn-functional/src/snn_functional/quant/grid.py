"""Fixed-point numbers: the grid on which integers and floating point agree."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from snn_functional._device_checks import is_any
from snn_functional._messages import fault, must
from snn_functional._numbers import whole
from snn_functional.quant._straight_through import straight_through

MOST_FRACTION_BITS = 24


def check_bits(num_bits: int, least: int, most: int, name: str = "num_bits") -> None:
    """Check that a number of bits is a whole number in a range."""
    if not least <= whole(name, num_bits, f"an int from {least} to {most}") <= most:
        raise ValueError(must(name, f"be from {least} to {most}", num_bits))


def significant_bits(dtype: torch.dtype) -> int:
    """Return the number of bits up to which a floating dtype holds every integer: 24 for float32."""
    return round(-math.log2(torch.finfo(dtype).eps)) + 1


@dataclass(frozen=True)
class fixed_point:  # noqa: N801
    r"""Numbers rounded to :math:`n` bits, :math:`f` of them after the binary point, with the gradient of the identity.

    .. math:: Q(x) = 2^{-f}\,\mathrm{clamp}\big(\mathrm{round}(2^f x),\ -2^{n-1},\ 2^{n-1} - 1\big)

    Values that are too large saturate; their gradient is the identity's too. NaN stays NaN. Use it as
    the ``state_quant`` of a neuron that will run on integers, and to round the input of such a net.

    Args:
        num_bits: n, from 2 to 32, the sign included.
        fraction_bits: f, from 0 to 24.
        rounding: ``"nearest"``, halves to the even neighbor; or ``"floor"``, like a shift of the bits.

    Shape:
        any, floating point; the rounded numbers have the same shape, dtype and device.

    Raises:
        TypeError: If an argument is of the wrong kind, or the input is not a floating-point tensor.
        ValueError: If an argument is out of range, or the dtype of the input is too short for ``num_bits``.

    Example:
        >>> import torch
        >>> from snn_functional import quant
        >>> quantize = quant.fixed_point(num_bits=4, fraction_bits=2)
        >>> quantize(torch.tensor([-9.0, 0.125, 0.3, 1.0]))
        tensor([-2.0000,  0.0000,  0.2500,  1.0000])

    Source: Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference
    (2018), with a scale that is a power of two.
    """

    num_bits: int = 8
    fraction_bits: int = 4
    rounding: str = "nearest"

    def __post_init__(self) -> None:
        check_bits(self.num_bits, 2, 32)
        check_bits(self.fraction_bits, 0, MOST_FRACTION_BITS, "fraction_bits")
        if self.rounding not in ("nearest", "floor"):
            raise ValueError(must("rounding", "be 'nearest' or 'floor'", repr(self.rounding)))

    def __call__(self, x: Tensor) -> Tensor:
        """Return the fixed-point numbers of ``x``, with the same shape, dtype and device."""
        return straight_through(x, self._rounded)

    def integers(self, x: Tensor) -> Tensor:
        r"""Return the numbers :math:`2^f Q(x)` of the grid, in the form that an integer net takes.

        Args:
            x: Finite floating-point numbers of any shape.

        Returns:
            int64, of the same shape.

        Raises:
            TypeError: If ``x`` is not a floating-point tensor.
            ValueError: If ``x`` contains NaN, which is not an integer.

        Example:
            >>> import torch
            >>> from snn_functional import quant
            >>> quant.fixed_point(num_bits=4, fraction_bits=2).integers(torch.tensor([-9.0, 0.3]))
            tensor([-8,  1])
        """
        rounded = self(x).detach()
        problem = "x contains NaN, which no integer can represent"
        if is_any(rounded.isnan(), problem):
            raise ValueError(fault(problem, "remove it first"))
        return (rounded.double() * 2**self.fraction_bits).long()

    @property
    def lowest(self) -> int:
        """The smallest integer of the grid."""
        return -(2 ** (self.num_bits - 1))

    @property
    def highest(self) -> int:
        """The largest integer of the grid."""
        return 2 ** (self.num_bits - 1) - 1

    def _rounded(self, x: Tensor) -> Tensor:
        most = significant_bits(x.dtype) + 1
        if self.num_bits > most:
            raise ValueError(must("num_bits", f"be at most {most} for {x.dtype}", self.num_bits, "pass a wider dtype"))
        scaled = x * 2**self.fraction_bits
        scaled = scaled.floor_() if self.rounding == "floor" else scaled.round_()
        return scaled.clamp_(self.lowest, self.highest).div_(2**self.fraction_bits)
