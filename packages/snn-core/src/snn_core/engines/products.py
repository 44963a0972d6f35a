"""Torch layers in a net that runs layer by layer: faster implementations of products and pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn_core.engines.dtypes import is_autocast
from snn_core.engines.fused import is_plain
from snn_core.engines.registry import first_of, offered


class ProductKernel(Protocol):
    """An implementation of ``torch.nn.functional.linear`` for many rows at once, on one type of device.

    ``gains`` says in a few words when it is faster, such as "sums over set bits where fed by spikes".
    """

    name: str
    device: str
    gains: str

    def refuses(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> str | None:
        """Return None to take the call, or the reason for refusing it; the tensors are plain and on the device."""

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, str]:
        """Return the output of ``linear``, differentiable by autograd, and how it was computed."""


def expected(device: str, operation: str = "linear") -> str:
    """Return how a layer that calls ``linear`` or ``conv2d`` will run on a device; its input decides the details."""
    first = next(iter(offered(operation, device)), None)
    if first is None:
        return "all steps at once"
    dense = "product" if operation == "linear" else "convolution"
    how = f"dense {dense} (under autocast)" if is_autocast(device) else f"{first.gains} ({first.name})"
    return f"all steps at once; {how}"


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> tuple[Tensor, str]:
    """Compute ``torch.nn.functional.linear`` by a registered implementation that takes the call, and say how."""
    if torch.compiler.is_compiling():
        return F.linear(x, weight, bias), "dense product (by the compiler)"
    products, why = offers("linear", x, weight, bias)
    product, why = first_of(products, x, weight, bias) if products else (None, why)
    if product is None:
        return F.linear(x, weight, bias), f"dense product ({why})"
    out, how = product.linear(x, weight, bias)
    return out, f"{how} ({product.name})"


def for_all_steps(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Callable[[Tensor], Tensor]:
    """Return the linear layer for inputs of this form, by the implementation that takes the first of them."""
    products, _ = offers("linear", x, weight, bias)
    product, _ = first_of(products, x, weight, bias)
    if product is None:
        return lambda x: F.linear(x, weight, bias)
    return lambda x: product.linear(x, weight, bias)[0]  # type: ignore[no-any-return]


def offers(operation: str, x: Tensor, *others: Tensor | None) -> tuple[list[Any], str]:
    """Return the registered implementations that may take a call on some tensors; if none may, the reason."""
    device = x.device.type
    implementations = offered(operation, device)
    if not implementations:
        return [], f"no other implementation is installed for {device}"
    if not is_plain(x, *(t for t in others if t is not None)):
        return [], "under autocast" if is_autocast(device) else "not a plain call on one device"
    return implementations, ""


def takes(module: nn.Module) -> bool:
    """Return True for a ``Linear`` layer that may be computed by something other than its ``forward``."""
    return (
        isinstance(module, nn.Linear)
        and type(module).forward is _LINEAR
        and "forward" not in vars(module)
        and not is_compiled(module)
    )


_LINEAR = nn.Linear.forward  # as it is at import, before anyone can replace it


def is_compiled(module: nn.Module) -> bool:
    """Return True if a module is compiled on its own, by ``torch.compile(module)`` or ``module.compile()``.

    Replacing anything around it while a net runs would make it compile again.
    """
    home: Any = getattr(type(module), "__module__", None)  # code made by exec may have none
    return module._compiled_call_impl is not None or (home or "").startswith("torch._dynamo")


class Windows(NamedTuple):
    """Windows that move over images: size, stride and padding, each as rows and columns."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]


class PoolingKernel(Protocol):
    """An implementation of ``torch.nn.functional.max_pool2d``, on one type of device."""

    name: str
    device: str

    def takes(self, x: Tensor, windows: Windows) -> bool:
        """Return True to take the call; the tensor is plain, ``[images, channels, height, width]``, on the device."""

    def max_pool2d(self, x: Tensor, windows: Windows) -> Tensor:
        """Return the output of ``max_pool2d``, differentiable by autograd."""


def max_pool2d(torch_s: Callable[..., Tensor], x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Compute ``max_pool2d`` by a registered implementation that takes the call, or else by torch's own function."""
    poolings = offered("max_pool2d", x.device.type)
    windows = _windows(*args, **kwargs) if poolings and x.dim() == 4 and is_plain(x) else None
    if windows is not None:
        for pooling in poolings:
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
    """Return the windows that the arguments describe; None for other kinds of windows or ones that torch refuses."""
    kernel, steps = pair(kernel_size), pair(stride) if stride not in (None, (), []) else pair(kernel_size)
    margin = pair(padding)
    if kernel is None or steps is None or margin is None or pair(dilation) != (1, 1) or ceil_mode or return_indices:
        return None
    valid = all(k > 0 and s > 0 and 0 <= 2 * p <= k for k, s, p in zip(kernel, steps, margin, strict=True))
    return Windows(kernel, steps, margin) if valid else None


def pair(value: Any) -> tuple[int, int] | None:
    """Return an option of a layer as a pair for rows and columns; None if it is not one or two whole numbers."""
    numbers = list(value) if isinstance(value, Sequence) else [value]
    if not numbers or len(numbers) > 2 or not all(type(n) is int for n in numbers):
        return None
    return numbers[0], numbers[-1]
