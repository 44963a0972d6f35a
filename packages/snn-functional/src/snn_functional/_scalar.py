"""A number that can also be asked what arrays can."""

from __future__ import annotations

from typing import Any, SupportsIndex, overload

import torch


class Scalar(float):
    """A float with ``item()`` and ``round(decimals)``, which stays one in arithmetic, as NumPy's scalars do.

    Example:
        >>> total = sum([Scalar(0.5), Scalar(0.25)])
        >>> total, (100 * total / 9).round(2), (total / 2).item()
        (0.75, 8.33, 0.375)
    """

    __slots__ = ()

    def item(self) -> float:
        """Return the plain float."""
        return float(self)

    def round(self, decimals: int = 0) -> Scalar:
        """Return the number rounded.

        Args:
            decimals: Number of decimals that stay.

        Returns:
            The nearest number with so many decimals, of two the even one.
        """
        return Scalar(round(float(self), decimals))

    @overload
    def __round__(self, ndigits: None = None) -> int: ...
    @overload
    def __round__(self, ndigits: SupportsIndex) -> Scalar: ...
    def __round__(self, ndigits: SupportsIndex | None = None) -> int | Scalar:
        return round(float(self)) if ndigits is None else Scalar(round(float(self), ndigits))

    def __add__(self, other: float) -> Scalar:
        return _kept(super().__add__(other))

    def __radd__(self, other: float) -> Scalar:
        return _kept(super().__radd__(other))

    def __sub__(self, other: float) -> Scalar:
        return _kept(super().__sub__(other))

    def __rsub__(self, other: float) -> Scalar:
        return _kept(super().__rsub__(other))

    def __mul__(self, other: float) -> Scalar:
        return _kept(super().__mul__(other))

    def __rmul__(self, other: float) -> Scalar:
        return _kept(super().__rmul__(other))

    def __truediv__(self, other: float) -> Scalar:
        return _kept(super().__truediv__(other))

    def __rtruediv__(self, other: float) -> Scalar:
        return _kept(super().__rtruediv__(other))

    def __floordiv__(self, other: float) -> Scalar:
        return _kept(super().__floordiv__(other))

    def __rfloordiv__(self, other: float) -> Scalar:
        return _kept(super().__rfloordiv__(other))

    def __mod__(self, other: float) -> Scalar:
        return _kept(super().__mod__(other))

    def __rmod__(self, other: float) -> Scalar:
        return _kept(super().__rmod__(other))

    def __neg__(self) -> Scalar:
        return _kept(super().__neg__())

    def __pos__(self) -> Scalar:
        return _kept(super().__pos__())

    def __abs__(self) -> Scalar:
        return _kept(super().__abs__())


def _kept(value: Any) -> Any:
    """A result as a scalar; what is none, such as NotImplemented, as it is."""
    return Scalar(value) if type(value) is float else value


torch.serialization.add_safe_globals([Scalar])  # torch.load takes it without being asked to, as it does a float
