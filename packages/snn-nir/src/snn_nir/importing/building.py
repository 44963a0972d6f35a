"""The construction of the module that runs a NIR node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import nir
import numpy as np
import torch
from torch import Tensor, nn

from snn_nir import primitives
from snn_nir.codes import announce, refusal
from snn_nir.graphs.fields import PRIMITIVES
from snn_nir.importing.recorded import firing_options, surrogate_of
from snn_nir.importing.time_step import TimeStep


class Scheme(NamedTuple):
    """Settings that all modules of an import share; ``reset`` overrides the reset of every neuron."""

    step: TimeStep
    dtype: torch.dtype
    reset: str | None = None

    def tensor(self, values: Any) -> Tensor:
        """Return values of a node in the network's dtype."""
        return torch.tensor(np.asarray(values), dtype=self.dtype)


def build(name: str, node: nir.NIRNode, scheme: Scheme) -> nn.Module | None:
    """Return the module of a node, with a parameter for each of its values; None if it passes on its input."""
    rule = _RULES.get(type(node))
    if rule is None:
        raise refusal("NIR301", f"node {name!r}", type(node).__name__)
    return rule(name, node, scheme)


def _neuron(name: str, node: Any, scheme: Scheme) -> nn.Module:
    """Return the primitive of the same name, with the same fields."""
    kind = type(node).__name__
    options: dict[str, Any] = {"dt": scheme.step.in_units, "init_hidden": True}
    fields = {field: getattr(node, field) for field in PRIMITIVES[kind]}
    for field, value in fields.items():
        if field.startswith("tau"):
            options["method"] = scheme.step.method
            _check_tau(f"node {name!r}", field, np.asarray(value), scheme.step)
    if "v_threshold" in fields:
        options |= firing_options(name, node, scheme.reset)
    return getattr(primitives, kind)(**{field: scheme.tensor(value) for field, value in fields.items()}, **options)


def _check_tau(where: str, field: str, tau: np.ndarray, step: TimeStep) -> None:
    if step.method == "euler" and tau.size:
        dt, result = step.in_units, f"{field} is {tau.min():.6g} and the step {step.in_units:.6g}"
        if dt > 2 * tau.min():
            raise refusal("NIR504", where, result)
        if dt > tau.min() * (1 + 1e-6):
            announce("NIR503", where, result)


def _linear(name: str, node: Any, scheme: Scheme) -> nn.Module:
    weight = scheme.tensor(node.weight)
    bias = scheme.tensor(node.bias) if isinstance(node, nir.Affine) else None
    if weight.dim() > 2:
        return primitives.BatchedLinear(weight, bias)
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    return _filled(layer, weight, bias)


def _conv(name: str, node: Any, scheme: Scheme) -> nn.Module:
    weight, bias = scheme.tensor(node.weight), scheme.tensor(node.bias)
    layer = getattr(nn, type(node).__name__)(
        weight.shape[1] * int(node.groups),
        weight.shape[0],
        tuple(weight.shape[2:]),
        stride=_sizes(node.stride),
        padding=node.padding if isinstance(node.padding, str) else _sizes(node.padding),
        dilation=_sizes(node.dilation),
        groups=int(node.groups),
        device="meta",
    )
    return _filled(layer, weight, bias)


def _filled(layer: Any, weight: Tensor, bias: Tensor | None) -> nn.Module:
    """Set the weights of a layer that was made without memory, to draw no random numbers, and return it."""
    layer.weight = nn.Parameter(weight)
    layer.bias = None if bias is None else nn.Parameter(bias)
    return layer


def _sizes(values: Any) -> Any:
    sizes = tuple(int(v) for v in np.atleast_1d(values))
    return sizes if len(sizes) > 1 else sizes[0]


def _threshold(name: str, node: Any, scheme: Scheme) -> nn.Module:
    return primitives.Threshold(scheme.tensor(node.threshold), init_hidden=True, spike_grad=surrogate_of(name, node))


def _delay(name: str, node: Any, scheme: Scheme) -> nn.Module:
    exact = np.asarray(node.delay, dtype=np.float64) / scheme.step.in_units
    steps = np.round(exact)
    if exact.size and np.abs(exact - steps).max() > 1e-3:
        worst = exact.flat[np.abs(exact - steps).argmax()]
        announce("NIR505", f"node {name!r}", f"{worst:.6g} steps, rounded to {np.round(worst):g}")
    return primitives.Delay(torch.tensor(steps), init_hidden=True)


def _flatten(name: str, node: Any, scheme: Scheme) -> nn.Module:
    start, end = int(node.start_dim), int(node.end_dim)  # counted without the batch axis
    return nn.Flatten(start + 1 if start >= 0 else start, end + 1 if end >= 0 else end)


def _pool(name: str, node: Any, scheme: Scheme) -> nn.Module:
    make = primitives.sum_pool if isinstance(node, nir.SumPool2d) else nn.AvgPool2d
    return make(_sizes(node.kernel_size), _sizes(node.stride), _sizes(node.padding))


_RULES: dict[type, Callable[[str, Any, Scheme], nn.Module | None]] = {
    **dict.fromkeys((nir.Input, nir.Output), lambda name, node, scheme: None),
    **dict.fromkeys((nir.Affine, nir.Linear), _linear),
    **dict.fromkeys((nir.Conv1d, nir.Conv2d), _conv),
    **dict.fromkeys((nir.SumPool2d, nir.AvgPool2d), _pool),
    **dict.fromkeys((nir.I, nir.IF, nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF), _neuron),
    nir.Scale: lambda name, node, scheme: primitives.Scale(scheme.tensor(node.scale)),
    nir.Flatten: _flatten,
    nir.Threshold: _threshold,
    nir.Delay: _delay,
}
