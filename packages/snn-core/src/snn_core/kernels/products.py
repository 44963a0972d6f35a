"""Linear layers of a net that runs layer by layer: products that know what spikes are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn_core.kernels import fused, registry

__all__ = ["Product", "expected", "is_compiled", "linear", "register", "takes", "unregister"]


class Product(Protocol):
    """An implementation of ``torch.nn.functional.linear`` for many rows at once, on one type of device.

    ``gains`` says in a few words when it gains, such as "sums over set bits where fed by spikes".
    """

    name: str
    device: str
    gains: str

    def refuses(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> str | None:
        """None to take the call, else the reason why not; the tensors are plain ones, on the device."""
        ...

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, str]:
        """What ``linear`` gives, under autograd as there, and how it was computed."""
        ...


_PRODUCTS: list[Product] = []


def register(product: Product) -> None:
    """Offer an implementation; the one registered last is asked first.

    Args:
        product: The implementation.

    Example:
        >>> class Never:
        ...     name, device, gains = "never", "cpu", "never gains"
        ...     def refuses(self, x, weight, bias):
        ...         return "made to refuse"
        >>> product = Never()
        >>> register(product)
        >>> expected("cpu")
        'all steps at once; never gains (never)'
        >>> unregister(product)
    """
    _PRODUCTS.insert(0, product)


def unregister(product: Product) -> None:
    """Take an implementation back.

    Raises:
        ValueError: If it is not registered.

    Example:
        See :func:`register`.

        >>> unregister(None)
        Traceback (most recent call last):
        ValueError: product None is not registered
    """
    if product not in _PRODUCTS:
        raise ValueError(f"product {getattr(product, 'name', None)!r} is not registered")
    _PRODUCTS.remove(product)


def expected(device: str) -> str:
    """How a ``Linear`` layer will run on a type of device; what it is fed with decides when it runs.

    Example:
        >>> expected("meta")
        'all steps at once'
    """
    registry.status()  # finds what is installed
    first = next((p for p in _PRODUCTS if p.device == device), None)
    return "all steps at once" if first is None else f"all steps at once; {first.gains} ({first.name})"


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> tuple[Tensor, str]:
    """``torch.nn.functional.linear`` by what is registered and takes the call, and how it was computed.

    Args:
        x: Input ``[rows, ...]`` of many steps.
        weight: The weights.
        bias: The bias.

    Returns:
        The product, and a few words that say how it came about and by whom.

    Example:
        >>> out, how = linear(torch.ones(4, 3, device="meta"), torch.ones(2, 3, device="meta"))
        >>> out.shape, how
        (torch.Size([4, 2]), 'dense product (none other is installed for meta)')
    """
    if torch.compiler.is_compiling():
        return F.linear(x, weight, bias), "dense product (by the compiler)"
    compute, name = _choose(x, weight, bias)
    out, how = compute(x, weight, bias)
    return out, f"{how} ({name})"


def takes(module: nn.Module) -> bool:
    """Return True for a ``Linear`` layer that may be computed otherwise than by its ``forward``.

    Example:
        >>> layer = nn.Linear(3, 2)
        >>> takes(layer), takes(torch.compile(layer, backend="eager")), takes(nn.ReLU())
        (True, False, False)
    """
    return (
        isinstance(module, nn.Linear)
        and type(module).forward is _LINEAR
        and "forward" not in vars(module)
        and not is_compiled(module)
    )


_LINEAR = nn.Linear.forward  # as it is when this is imported, before anybody replaces it


def is_compiled(module: nn.Module) -> bool:
    """Whether a compiler looks at a module by itself, as after ``torch.compile(module)`` or ``module.compile()``.

    Whatever is exchanged around it while a net runs would have it compiled anew.

    Example:
        >>> layer = nn.Linear(3, 2)
        >>> is_compiled(layer), is_compiled(torch.compile(layer, backend="eager"))
        (False, True)
    """
    return module._compiled_call_impl is not None or type(module).__module__.startswith("torch._dynamo")


def _choose(x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Callable[..., tuple[Tensor, str]], str]:
    registry.status()  # finds what is installed
    offered = [product for product in _PRODUCTS if product.device == x.device.type]
    if not offered:
        return _dense, f"none other is installed for {x.device.type}"
    if not fused.is_plain(*(t for t in (x, weight, bias) if t is not None)):
        return _dense, "not one plain call on one device"
    refusals = []
    for product in offered:
        why = product.refuses(x, weight, bias)
        if why is None:
            return product.linear, product.name
        refusals.append(f"{product.name}: {why}")
    return _dense, "; ".join(refusals)


def _dense(x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, str]:
    return F.linear(x, weight, bias), "dense product"
