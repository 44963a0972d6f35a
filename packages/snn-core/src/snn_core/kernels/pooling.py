"""The maximum over windows of images, in a net that runs layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from torch import Tensor

from snn_core.kernels import fused, registry

__all__ = ["Pooling", "Windows", "max_pool2d", "register", "unregister"]


class Windows(NamedTuple):
    """Windows that move over images: rows and columns of each, of the steps between them, and of the margin before."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]


class Pooling(Protocol):
    """An implementation of ``torch.nn.functional.max_pool2d``, on one type of device."""

    name: str
    device: str

    def takes(self, x: Tensor, windows: Windows) -> bool:
        """Whether it takes the call; the tensor is a plain one ``[images, channels, height, width]``, on the device."""
        ...

    def max_pool2d(self, x: Tensor, windows: Windows) -> Tensor:
        """What ``max_pool2d`` gives, under autograd as there."""
        ...


_POOLINGS: list[Pooling] = []


def register(pooling: Pooling) -> None:
    """Offer an implementation; the one registered last is asked first.

    Args:
        pooling: The implementation.

    Example:
        >>> class Never:
        ...     name, device = "never", "cpu"
        ...     def takes(self, x, windows):
        ...         return False
        >>> pooling = Never()
        >>> register(pooling)
        >>> unregister(pooling)
    """
    _POOLINGS.insert(0, pooling)


def unregister(pooling: Pooling) -> None:
    """Take an implementation back.

    Raises:
        ValueError: If it is not registered.

    Example:
        See :func:`register`.

        >>> unregister(None)
        Traceback (most recent call last):
        ValueError: pooling None is not registered
    """
    if pooling not in _POOLINGS:
        raise ValueError(f"pooling {getattr(pooling, 'name', None)!r} is not registered")
    _POOLINGS.remove(pooling)


def max_pool2d(torch_s: Callable[..., Tensor], x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """``torch.nn.functional.max_pool2d``, by what is registered and takes the call.

    Args:
        torch_s: The function of torch that was called.
        x: Its input.
        *args: Its other arguments.
        **kwargs: The same, by name.

    Returns:
        What it gives.

    Example:
        >>> import torch
        >>> max_pool2d(torch.max_pool2d, torch.arange(4.0).view(1, 1, 2, 2), 2)
        tensor([[[[3.]]]])
    """
    registry.status()  # finds what is installed
    offered = [pooling for pooling in _POOLINGS if pooling.device == x.device.type]
    windows = _windows(*args, **kwargs) if offered and x.dim() == 4 and fused.is_plain(x) else None
    if windows is not None:
        for pooling in offered:
            if pooling.takes(x, windows):
                return pooling.max_pool2d(x, windows)
    return torch_s(x, *args, **kwargs)


def _windows(
    kernel_size: Any = None,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Windows | None:
    """The windows that are meant; None if they are of another kind, or none that torch would take."""
    kernel, steps = _pair(kernel_size), _pair(stride) if stride not in (None, (), []) else _pair(kernel_size)
    margin = _pair(padding)
    if kernel is None or steps is None or margin is None or _pair(dilation) != (1, 1) or ceil_mode or return_indices:
        return None
    fits = all(k > 0 and s > 0 and 0 <= 2 * p <= k for k, s, p in zip(kernel, steps, margin, strict=True))
    return Windows(kernel, steps, margin) if fits else None


def _pair(value: Any) -> tuple[int, int] | None:
    numbers = list(value) if isinstance(value, Sequence) else [value]
    if not numbers or len(numbers) > 2 or not all(type(n) is int for n in numbers):
        return None
    return numbers[0], numbers[-1]
