"""Linear layers of a net that runs layer by layer: products that know what spikes are."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn_core.channels_last import Convolutions
from snn_core.kernels import fused, registry
from snn_core.temporal import Temporal

__all__ = ["Product", "expected", "is_compiled", "noted", "register", "substituted", "unregister"]


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


@contextmanager
def noted() -> Iterator[Mapping[str, str]]:
    """How the ``Linear`` layers that run inside were computed, by path in their net.

    Example:
        >>> with noted() as how:
        ...     pass
        >>> how
        {}
    """
    notes: dict[str, str] = {}
    if torch.compiler.is_compiling():  # which computes its own products
        yield notes
        return
    token = _NOTES.set(notes)
    try:
        yield notes
    finally:
        _NOTES.reset(token)


_NOTES: ContextVar[dict[str, str] | None] = ContextVar("notes", default=None)


@contextmanager
def substituted(net: nn.Module) -> Iterator[None]:
    """Has the ``Linear`` layers of a net computed by what is registered, as long as it lasts.

    Their ``forward`` is exchanged, and nothing else in the process: intercepting ``linear`` by torch's function modes
    would cost a microsecond for every operation of every neuron. Layers inside a neuron keep theirs, as do those with a
    ``forward`` of their own and those that a compiler looks at.

    Args:
        net: A net whose layers see many steps at a time.

    Example:
        >>> net = nn.Sequential(nn.Linear(3, 2))
        >>> with substituted(net):
        ...     net(torch.ones(4, 3)).shape
        torch.Size([4, 2])
    """
    if torch.compiler.is_compiling():
        yield
        return
    registry.status()  # finds what is installed
    layers = list(dict(_linears(net, "")).items()) if _PRODUCTS else []
    try:
        for layer, path in layers:
            layer.__dict__["forward"] = functools.partial(_linear, layer, path)
        yield
    finally:
        for layer, _ in layers:
            layer.__dict__.pop("forward", None)


_LINEAR = nn.Linear.forward  # as it is when this is imported, before anybody replaces it


def _linears(module: nn.Module, path: str) -> Iterator[tuple[nn.Linear, str]]:
    if isinstance(module, Temporal) or is_compiled(module):
        return
    if isinstance(module, nn.Linear):
        if type(module).forward is _LINEAR and "forward" not in module.__dict__:
            yield module, path
        return
    for name, child in module.named_children():
        yield from _linears(child, f"{path}.{name}" if path else name)


def is_compiled(module: nn.Module) -> bool:
    """Whether a compiler looks at a module by itself, as after ``torch.compile(module)`` or ``module.compile()``.

    Whatever is exchanged around it while a net runs would have it compiled anew.

    Example:
        >>> layer = nn.Linear(3, 2)
        >>> is_compiled(layer), is_compiled(torch.compile(layer, backend="eager"))
        (False, True)
    """
    return module._compiled_call_impl is not None or type(module).__module__.startswith("torch._dynamo")


def _linear(layer: nn.Linear, path: str, input: Tensor) -> Tensor:
    # the name of the argument is that of torch, which a call may use
    x, weight, bias = input, layer.weight, layer.bias
    compute, name = _choose(x, weight, bias)
    out, how = compute(x, weight, bias)
    notes = _NOTES.get()
    if notes is not None:
        notes[path] = f"{how} ({name})"
    return out


def _choose(x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Callable[..., tuple[Tensor, str]], str]:
    offered = [product for product in _PRODUCTS if product.device == x.device.type]
    if not offered:
        return _dense, f"none other is installed for {x.device.type}"
    if not fused.is_plain(*(t for t in (x, weight, bias) if t is not None), besides=Convolutions):
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
