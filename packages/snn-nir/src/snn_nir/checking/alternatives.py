"""Layers and neurons that a framework reads better than one that it does not read as it is."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from torch import Tensor, nn

from snn_core import Lapicque, Leaky, Recurrent, RSynaptic, SpikingNeuron, Synaptic
from snn_nir.checking.reads import CHANGED, RANKS, TAKEN, effects_of, verdict_of
from snn_nir.exporting.export import to_nir

_Made = Iterator[tuple[str, Callable[[], nn.Module]]]


def better(module: nn.Module, x: Tensor, verdict: str, target: str) -> str:
    """Return what a target reads better than a layer or neuron with input ``x``, as code; ``""`` if nothing is.

    Each candidate is exported on its own and looked up in the same table as the layer.
    """
    best, text = RANKS.index(verdict), ""
    for candidate, make in _candidates(module, x):
        rank = _rank(make, x, target)
        if rank is not None and rank < best:
            best, text = rank, candidate
        if best == 0:
            break
    return f"{text} ({CHANGED})" if text and RANKS[best] == CHANGED else text


def _rank(make: Callable[[], nn.Module], x: Tensor, target: str) -> int | None:
    try:
        graph = to_nir(make().to(x).eval(), x)
    except ValueError:
        return None  # it does not fit, or NIR does not have it
    effects = effects_of(graph, target)
    return RANKS.index(TAKEN if all(effect.verdict == "ties" for effect in effects) else verdict_of(effects))


def _candidates(module: Any, x: Tensor) -> _Made:
    if isinstance(module, SpikingNeuron):
        yield from _neurons(module, x)
    elif isinstance(module, nn.Linear) and module.bias is None:
        yield "bias=True", lambda: nn.Linear(module.in_features, module.out_features)
    elif isinstance(module, nn.AvgPool2d | nn.MaxPool2d | nn.AdaptiveAvgPool2d):
        yield from _pools(module, x)
    elif isinstance(module, nn.Conv1d | nn.Conv2d):
        yield from _convolutions(module)


def _neurons(neuron: Any, x: Tensor) -> _Made:
    zero: dict[str, Any] = {"reset_mechanism": "zero", "init_hidden": True}
    alpha, beta = (_decay(neuron, name) for name in ("alpha", "beta"))
    decays = f"alpha={alpha[1]}, beta={beta[1]}"
    own = "" if neuron.reset_name == "zero" else "reset_mechanism='zero'"
    if own:
        yield own, lambda: _changed(neuron)
    if isinstance(neuron, Recurrent):
        yield ", ".join(filter(None, (own, "recurrent.bias = None"))), lambda: _changed(neuron, no_bias=True)
        text = f"RSynaptic({decays}, linear_features={x.shape[-1]}, reset_mechanism='zero')"
        recurrent = RSynaptic(alpha[0], beta[0], linear_features=x.shape[-1], **zero)
        yield text, lambda: recurrent
        yield f"{text}, recurrent.bias = None", lambda: _changed(recurrent, no_bias=True)
    yield f"Leaky(beta={beta[1]}, reset_mechanism='zero')", lambda: Leaky(beta[0], **zero)
    yield f"Lapicque(beta={beta[1]}, reset_mechanism='zero')", lambda: Lapicque(beta[0], **zero)
    yield f"Synaptic({decays}, reset_mechanism='zero')", lambda: Synaptic(alpha[0], beta[0], **zero)
    yield "Leaky(beta=1, reset_mechanism='zero')", lambda: Leaky(1.0, **zero)


def _changed(neuron: Any, no_bias: bool = False) -> Any:
    """Return a copy of a neuron with a reset to zero."""
    twin = copy.deepcopy(neuron)
    twin.reset_mechanism = "zero"
    if no_bias:
        twin.recurrent.bias = None
    return twin


def _decay(neuron: Any, name: str) -> tuple[float, str]:
    """Return a decay of a neuron and its text; for one to be chosen, because there is not exactly one, ``...``."""
    value = getattr(neuron, name, None)
    if isinstance(value, Tensor) and value.numel() == 1 and 0 < value < 1:
        return float(value), f"{float(value):.4g}"
    return 0.9, "..."


def _pools(module: Any, x: Tensor) -> _Made:
    if isinstance(module, nn.AdaptiveAvgPool2d):
        size = module(x).shape[-2:]
        kernel = stride = tuple(n // m for n, m in zip(x.shape[-2:], size, strict=True))
        padding: Any = 0
    else:
        kernel, stride, padding = module.kernel_size, module.stride, module.padding
    options = f"{_short(kernel)}" + (f", stride={_short(stride)}" if stride != kernel else "")
    options += f", padding={_short(padding)}" if _short(padding) else ""
    yield f"AvgPool2d({options})", lambda: nn.AvgPool2d(kernel, stride, padding)
    yield (
        f"AvgPool2d({options}, divisor_override=1)",
        lambda: nn.AvgPool2d(kernel, stride, padding, divisor_override=1),
    )


def _convolutions(layer: Any) -> _Made:
    kind: type[nn.Module] = type(layer)

    def made(**changed: Any) -> nn.Module:
        names = ("kernel_size", "stride", "padding", "dilation", "groups")
        options = {name: getattr(layer, name) for name in names} | changed
        return kind(layer.in_channels, layer.out_channels, **options)

    square = max(layer.kernel_size)
    for options in ({"groups": 1}, {"padding": "same"}, {"groups": 1, "padding": "same"}, {"kernel_size": square}):
        yield ", ".join(f"{name}={value!r}" for name, value in options.items()), partial(made, **options)


def _short(value: Any) -> Any:
    """Return one number for a pair of equal ones."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value
