"""The construction of the module that runs a NIR node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import nir
import numpy as np
import torch
from torch import Tensor, nn

from snn_nir import primitives
from snn_nir.codes import refusal, warn_caller
from snn_nir.importing.recorded import firing_options
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
    """Return the module of a node, with a parameter for each of its values.

    Returns:
        A module for one time step; None for a node that passes on its input.

    Example:
        >>> step = TimeStep(1e-3, "s", "euler", "given")
        >>> node = nir.LI(tau=np.array([0.01]), r=np.ones(1), v_leak=np.zeros(1))
        >>> build("li", node, Scheme(step, torch.float32))
        LI(tau=0.01 (learned), r=1 (learned), v_leak=0 (learned), dt=0.001, method='euler')
    """
    rule = _RULES.get(type(node))
    if rule is None:
        raise refusal("NIR301", f"node {name!r}", type(node).__name__)
    for field in ("tau", "tau_mem", "tau_syn"):
        if hasattr(node, field):
            _check_tau(name, field, np.asarray(getattr(node, field)), scheme.step)
    return rule(name, node, scheme)


def _check_tau(name: str, field: str, tau: np.ndarray, step: TimeStep) -> None:
    where = f"node {name!r}"
    if step.method == "euler" and tau.size:
        dt, result = step.in_units, f"{field} is {tau.min():.6g} and the step {step.in_units:.6g}"
        if dt > 2 * tau.min():
            raise refusal("NIR504", where, result)
        if dt > tau.min() * (1 + 1e-6):
            warn_caller("NIR503", where, result)


def _fields(node: Any, scheme: Scheme, *names: str) -> dict[str, Tensor]:
    return {name: scheme.tensor(getattr(node, name)) for name in names}


def _stateful(kind: Callable[..., nn.Module], *names: str, leaks: bool = True) -> Callable[..., nn.Module]:
    """Return a rule for a primitive with the fields of the node."""

    def rule(name: str, node: Any, scheme: Scheme) -> nn.Module:
        options: dict[str, Any] = {"dt": scheme.step.in_units, "init_hidden": True}
        if leaks:
            options["method"] = scheme.step.method
        if "v_threshold" in names:
            options |= firing_options(name, node, scheme.reset)
        return kind(**_fields(node, scheme, *names), **options)

    return rule


def _linear(name: str, node: Any, scheme: Scheme) -> nn.Module:
    weight = scheme.tensor(node.weight)
    bias = scheme.tensor(node.bias) if isinstance(node, nir.Affine) else None
    if weight.dim() > 2:
        return primitives.BatchedLinear(weight, bias)
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    return _filled(layer, weight, bias)


def _conv(kind: Any) -> Callable[..., nn.Module]:
    def rule(name: str, node: Any, scheme: Scheme) -> nn.Module:
        weight, bias = scheme.tensor(node.weight), scheme.tensor(node.bias)
        layer = kind(
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

    return rule


def _filled(layer: Any, weight: Tensor, bias: Tensor | None) -> nn.Module:
    """Set the weights of a layer that was made without memory, so that nothing random was drawn; return it."""
    layer.weight = nn.Parameter(weight)
    layer.bias = None if bias is None else nn.Parameter(bias)
    return layer


def _sizes(values: Any) -> Any:
    sizes = tuple(int(v) for v in np.atleast_1d(values))
    return sizes if len(sizes) > 1 else sizes[0]


def _scale(name: str, node: Any, scheme: Scheme) -> nn.Module:
    return primitives.Scale(scheme.tensor(node.scale))


def _threshold(name: str, node: Any, scheme: Scheme) -> nn.Module:
    options = {k: v for k, v in firing_options(name, node, None).items() if k == "spike_grad"}
    return primitives.Threshold(scheme.tensor(node.threshold), init_hidden=True, **options)


def _delay(name: str, node: Any, scheme: Scheme) -> nn.Module:
    exact = np.asarray(node.delay, dtype=np.float64) / scheme.step.in_units
    steps = np.round(exact)
    if exact.size and np.abs(exact - steps).max() > 1e-3:
        worst = exact.flat[np.abs(exact - steps).argmax()]
        warn_caller("NIR505", f"node {name!r}", f"{worst:.6g} steps, rounded to {np.round(worst):g}")
    return primitives.Delay(torch.tensor(steps), init_hidden=True)


def _flatten(name: str, node: Any, scheme: Scheme) -> nn.Module:
    start, end = int(node.start_dim), int(node.end_dim)  # counted without the batch axis
    return nn.Flatten(start + 1 if start >= 0 else start, end + 1 if end >= 0 else end)


def _pool(make: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    def rule(name: str, node: Any, scheme: Scheme) -> nn.Module:
        return make(_sizes(node.kernel_size), _sizes(node.stride), _sizes(node.padding))

    return rule


def _nothing(name: str, node: Any, scheme: Scheme) -> None:
    return None


_RULES: dict[type, Callable[[str, Any, Scheme], nn.Module | None]] = {
    nir.Input: _nothing,
    nir.Output: _nothing,
    nir.Affine: _linear,
    nir.Linear: _linear,
    nir.Scale: _scale,
    nir.Conv1d: _conv(nn.Conv1d),
    nir.Conv2d: _conv(nn.Conv2d),
    nir.SumPool2d: _pool(primitives.sum_pool),
    nir.AvgPool2d: _pool(nn.AvgPool2d),
    nir.Flatten: _flatten,
    nir.Threshold: _threshold,
    nir.Delay: _delay,
    nir.I: _stateful(primitives.I, "r", leaks=False),
    nir.IF: _stateful(primitives.IF, "r", "v_threshold", "v_reset", leaks=False),
    nir.LI: _stateful(primitives.LI, "tau", "r", "v_leak"),
    nir.LIF: _stateful(primitives.LIF, "tau", "r", "v_leak", "v_threshold", "v_reset"),
    nir.CubaLI: _stateful(primitives.CubaLI, "tau_syn", "tau_mem", "r", "v_leak", "w_in"),
    nir.CubaLIF: _stateful(primitives.CubaLIF, "tau_syn", "tau_mem", "r", "v_leak", "v_threshold", "v_reset", "w_in"),
}
