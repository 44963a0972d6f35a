"""A number with some methods of arrays."""

from __future__ import annotations

from typing import Any, SupportsIndex, overload

import torch


class Scalar(float):
    """A float with ``item()`` and ``round(decimals)``, which arithmetic preserves, like NumPy's scalars.

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
        """Return the number rounded to some decimals; of two that are equally near, the even one."""
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
    """Return a result as a scalar; other values, such as NotImplemented, stay as they are."""
    return Scalar(value) if type(value) is float else value


torch.serialization.add_safe_globals([Scalar])  # so that torch.load accepts it like a float
