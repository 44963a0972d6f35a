"""A float with some methods of NumPy's scalars, for programs that were written for snnTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def _keeping(name: str) -> Callable[..., Any]:
    operator = getattr(float, name)

    def operate(*operands: float | None) -> Any:
        value = operator(*operands)
        return Scalar(value) if type(value) is float else value  # or NotImplemented, or an int

    return operate


class Scalar(float):
    """A float with ``item()`` and ``round(decimals)``, which arithmetic preserves, like NumPy's scalars.

    Example:
        >>> total = sum([Scalar(0.5), Scalar(0.25)])
        >>> total, (100 * total / 9).round(2), (total / 2).item()
        (0.75, 8.33, 0.375)
    """

    __slots__ = ()

    __add__: Callable[..., Scalar] = _keeping("__add__")
    __radd__: Callable[..., Scalar] = _keeping("__radd__")
    __sub__: Callable[..., Scalar] = _keeping("__sub__")
    __rsub__: Callable[..., Scalar] = _keeping("__rsub__")
    __mul__: Callable[..., Scalar] = _keeping("__mul__")
    __rmul__: Callable[..., Scalar] = _keeping("__rmul__")
    __truediv__: Callable[..., Scalar] = _keeping("__truediv__")
    __rtruediv__: Callable[..., Scalar] = _keeping("__rtruediv__")
    __floordiv__: Callable[..., Scalar] = _keeping("__floordiv__")
    __rfloordiv__: Callable[..., Scalar] = _keeping("__rfloordiv__")
    __mod__: Callable[..., Scalar] = _keeping("__mod__")
    __rmod__: Callable[..., Scalar] = _keeping("__rmod__")
    __neg__: Callable[..., Scalar] = _keeping("__neg__")
    __pos__: Callable[..., Scalar] = _keeping("__pos__")
    __abs__: Callable[..., Scalar] = _keeping("__abs__")
    __round__: Any = _keeping("__round__")

    def item(self) -> float:
        """Return the plain float."""
        return float(self)

    def round(self, decimals: int = 0) -> Scalar:
        """Return the number rounded to some decimals; of two that are equally near, the even one."""
        return Scalar(round(float(self), decimals))


torch.serialization.add_safe_globals([Scalar])  # so that torch.load accepts it like a float
