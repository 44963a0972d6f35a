"""The constants of a neuron: fixed or learned, one for all or one per neuron."""

from __future__ import annotations

from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Constant", "HasConstants"]

Constant = float | Tensor


class HasConstants(nn.Module):
    """A module with constants that are parameters when learned and buffers when not."""

    def constant(self, name: str, value: Constant, *, learn: bool = False) -> None:
        """Register a constant of the neuron: a parameter when it is learned, else a buffer.

        Args:
            name: The attribute that will hold it.
            value: A number, or a tensor that broadcasts against the state from the right (one value per neuron, or
                ``(C, 1, 1)`` per channel); NumPy's numbers and arrays too. Integers become floating point.
            learn: Whether an optimiser may change it.

        Raises:
            TypeError: If ``value`` is neither a number nor a tensor.
            ValueError: If it contains NaN.

        Example:
            >>> import snn_core as snn
            >>> lif = snn.Leaky(beta=0.9)
            >>> lif.constant("gain", 2, learn=True)
            >>> lif.gain
            Parameter containing:
            tensor(2., requires_grad=True)
        """
        if not isinstance(value, Real | Tensor) and not hasattr(value, "__array__"):
            raise TypeError(
                f"{type(self).__name__}: {name} must be a number or a tensor, got {type(value).__name__} {value!r}"
            )
        tensor = value.detach().clone() if isinstance(value, Tensor) else _tensor(value)
        if not tensor.is_floating_point():
            tensor = tensor.to(torch.get_default_dtype())
        if not tensor.is_meta and bool(tensor.isnan().any()):
            raise ValueError(f"{type(self).__name__}: {name} must not be NaN, got {value!r}")
        if learn:
            setattr(self, name, nn.Parameter(tensor))
        else:
            self.register_buffer(name, tensor)

    def _describe(self, *names: str) -> str:
        """``name=value`` for constants and settings, as ``extra_repr`` prints them."""
        return ", ".join(f"{n}={_short(getattr(self, n))}" for n in names)


def _tensor(value: Any) -> Tensor:
    """A number of any kind, or an array, as a tensor of its own."""
    if isinstance(value, Real) and not isinstance(value, int | float):
        value = float(value)
    return torch.tensor(value)


def _short(value: Any) -> str:
    if not isinstance(value, Tensor):
        return repr(value)
    text = f"{value.item():.6g}" if value.numel() == 1 and not value.is_meta else f"tensor{tuple(value.shape)}"
    return f"{text} (learned)" if isinstance(value, nn.Parameter) else text
