"""Activations of a network on data, and the thresholds that follow from them."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from functools import partial
from math import floor
from typing import Any

import torch
from torch import Tensor, fx, nn

from snn_functional._conversion.samples import parts
from snn_functional._messages import fault

Seen = dict[str, tuple[Tensor, Tensor]]


def seen(net: fx.GraphModule, names: Iterable[str], x: Tensor) -> tuple[Seen, Tensor]:
    """Run a net and return the input and output of the named modules, by path, and the net's output."""
    values: Seen = {}

    def look(name: str, module: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> None:
        values[name] = args[0].detach(), out.detach()

    hooks = [net.get_submodule(name).register_forward_hook(partial(look, name)) for name in names]
    try:
        out = net(x)
    finally:
        for hook in hooks:
            hook.remove()
    for name, (taken, _) in (*values.items(), ("", (out, out))):
        if not taken.isfinite().all():
            what = f"the input of '{name}' in net" if name else "the output of net"
            raise ValueError(fault(f"{what} contains NaN or infinity", "look at the weights before it"))
    return values, out


def balanced(net: fx.GraphModule, names: list[str], samples: Tensor, percentile: float) -> dict[str, float]:
    """Return a threshold for each activation: a percentile of all its values in data.

    It is the smallest value that this percentage of all values do not exceed; the 100th percentile is the maximum.

    Source: Diehl et al., Fast-classifying, high-accuracy spiking deep networks through weight and threshold balancing
    (2015), for the maximum; Rueckauer et al., Conversion of Continuous-Valued Deep Networks to Efficient Event-Driven
    Networks for Image Classification (2017), for the percentile.
    """
    ranges = {name: float(values.min()) for name, values in largest(net, names, samples, percentile).items()}
    higher = "pass a higher percentile, or method='max'"
    return positive(ranges, percentile, "pass data that makes it fire" if percentile == 100 else higher)


def largest(net: fx.GraphModule, names: list[str], samples: Tensor, percentile: float) -> dict[str, Tensor]:
    """Return the values of each activation that are not below a percentile of all its values in data."""
    known: dict[str, Tensor] = {}
    above = 1 - Fraction(str(percentile)) / 100  # exact for decimal numbers: as floats, 100 - 99.9 is less than 0.1
    for (x,) in parts(samples):
        values: Any = seen(net, names, x)[0]
        for name, (_, out) in values.items():
            count = floor(len(samples) * out[0].numel() * above) + 1
            together = torch.cat([known[name], out.flatten()]) if name in known else out.flatten()
            known[name] = together.topk(min(count, len(together)), sorted=False).values
    return known


def positive(thresholds: dict[str, float], percentile: float, remedy: str) -> dict[str, float]:
    """Return thresholds after checking that all are greater than 0."""
    silent = ", ".join(f"'{name}'" for name, threshold in thresholds.items() if threshold <= 0)
    if silent:
        raise ValueError(
            fault(
                f"net has an activation whose threshold would be 0, {silent}: {percentile:g} % of its values in data "
                "are 0",
                remedy,
            )
        )
    return thresholds
