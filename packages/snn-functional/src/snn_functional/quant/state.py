"""Quantized states of a neuron: the nearest of a few levels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any

import torch
from torch import Tensor

from snn_functional._messages import fault, must
from snn_functional._numbers import real
from snn_functional._placed import placed
from snn_functional.quant._levels import base_of, borders, geometric, nearest_to_zero
from snn_functional.quant._straight_through import straight_through
from snn_functional.quant.grid import check_bits

_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True)
class state_quant:  # noqa: N801
    r"""Quantizer of states: rounds to the nearest of :math:`2^b` levels, with the gradient of the identity.

    Uniform levels divide :math:`[-\vartheta\,(1 + l),\ \vartheta\,(1 + u)]` evenly. The steps between non-uniform ones
    shrink by ``multiplier`` from level to level, toward the threshold or toward 0. The level nearest to 0 is moved
    to 0, so that a neuron at rest stays there; halfway between two levels the lower one is taken. NaN stays NaN.

    Args:
        num_bits: b, from 1 to 16.
        uniform: Whether all steps have the same size.
        thr_centered: Whether non-uniform levels are densest at the threshold, rather than at 0.
        threshold: The neuron's threshold, greater than 0.
        lower_limit: l, how far below the negative threshold the lowest level lies, as a share of the threshold; at
            least -1, which leaves out negative levels.
        upper_limit: u, how far above the threshold the highest level lies, as a share of it; at least -1, and at least
            0 for levels that are densest at the threshold.
        multiplier: Factor from one non-uniform step to the next, in (0, 1]; None for one that suits ``num_bits``.

    Shape:
        any, float16, bfloat16, float32 or float64; the rounded states have the same shape, dtype and device.

    Raises:
        TypeError: If an argument is of the wrong kind, or the state is not a floating-point tensor.
        ValueError: If an argument is out of range, or the levels do not fit the state's dtype.

    Example:
        >>> import snn_core as snn
        >>> from snn_functional import quant
        >>> quantize = quant.state_quant(num_bits=2, upper_limit=1)
        >>> quantize.levels
        tensor([-1.,  0.,  1.,  2.])
        >>> lif = snn.Leaky(beta=0.5, state_quant=quantize)
        >>> lif(torch.tensor([0.4, 0.6, 9.0]))[1]
        tensor([0., 1., 2.])

    Source: Eshraghian et al., Memristor-Based Binarized Spiking Neural Networks (2022).
    """

    num_bits: int = 8
    uniform: bool = True
    thr_centered: bool = True
    threshold: float = 1
    lower_limit: float = 0
    upper_limit: float = 0.2
    multiplier: float | None = None

    def __post_init__(self) -> None:
        check_bits(self.num_bits, 1, 16)
        for name in ("threshold", "lower_limit", "upper_limit"):
            value = getattr(self, name)
            if not _is_number(value):
                raise TypeError(must(name, "be a number", type(value).__name__, f"pass float({name})"))
            if not isfinite(real(name, value, "a number")):
                raise ValueError(must(name, "be finite", value))
        if self.threshold <= 0:
            raise ValueError(must("threshold", "be greater than 0", self.threshold))
        dense_at_threshold = not self.uniform and self.thr_centered
        for name, least in (("lower_limit", -1), ("upper_limit", 0 if dense_at_threshold else -1)):
            if getattr(self, name) < least:
                raise ValueError(must(name, f"be at least {least} for these levels", getattr(self, name)))
        if self.lower_limit == self.upper_limit == -1:
            raise ValueError(
                fault("lower_limit and upper_limit are both -1, which leaves an empty range", "increase one of them")
            )
        if self.multiplier is not None and not _is_number(self.multiplier):
            raise TypeError(must("multiplier", "be a number or None", type(self.multiplier).__name__))
        if self.multiplier is not None and not 0 < self.multiplier <= 1:
            raise ValueError(must("multiplier", "be in (0, 1]", self.multiplier))
        _ = self._tables_by_dtype  # so that copies and other threads need not make them

    def __call__(self, x: Tensor) -> Tensor:
        """Return the levels nearest to ``x``, with the same shape, dtype and device."""
        return straight_through(x, self._nearest)

    @property
    def levels(self) -> Tensor:
        """The levels, ascending, in the default dtype."""
        return self._tables(torch.get_default_dtype())[0][:-1].clone()

    def _nearest(self, x: Tensor) -> Tensor:
        levels, ends = self._tables(x.dtype)
        if x.device != levels.device:
            levels, ends = placed(levels, x), placed(ends, x)
        index = torch.bucketize(x.contiguous(), ends, out_int32=True)
        return levels.index_select(0, index.flatten()).view(x.shape)

    def _tables(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        if dtype not in self._tables_by_dtype:
            raise ValueError(
                fault(f"levels up to {self._ends[1]:g} do not fit {dtype}", "pass a state of a wider dtype")
            )
        return self._tables_by_dtype[dtype]

    @property
    def _ends(self) -> tuple[float, float]:
        return -self.threshold - self.threshold * self.lower_limit, self.threshold + self.threshold * self.upper_limit

    @cached_property
    def _tables_by_dtype(self) -> dict[torch.dtype, tuple[Tensor, Tensor]]:
        """The levels of every dtype, and the largest number that is rounded to each level."""
        zero = nearest_to_zero(self._ladder(torch.float64))
        tables = {}
        for dtype in _DTYPES:
            levels = self._ladder(torch.promote_types(dtype, torch.float32))
            levels[zero] = 0
            levels = levels.to(dtype).sort().values
            if bool(levels.isfinite().all()):
                # numbers above every end belong to the highest level, up to infinity, and NaN comes after that
                ends = torch.cat([borders(levels), levels.new_tensor([torch.inf])])
                levels = torch.cat([levels, levels.new_tensor([torch.nan])])
                tables[dtype] = levels, ends
        return tables

    def _ladder(self, dtype: torch.dtype) -> Tensor:
        """Return the levels before one of them is moved to 0."""
        low, high = self._ends
        count = 2**self.num_bits
        if self.uniform:
            return torch.linspace(low, high, count, dtype=dtype, device="cpu")
        center = float(self.threshold) if self.thr_centered else 0.0
        base = base_of(self.num_bits) if self.multiplier is None else self.multiplier
        return torch.tensor(geometric(count, low, center, high, base), dtype=dtype, device="cpu")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
