"""Comparison of the rates of a spiking net with the activations of its network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import torch
from torch import Tensor, fx

from snn_core.utils import reset
from snn_functional._conversion.balancing import seen
from snn_functional._conversion.report import Layer
from snn_functional._conversion.samples import parts
from snn_functional._messages import must


class _Agreement:
    """Sums over pairs of numbers, for their correlation and mean difference."""

    def __init__(self) -> None:
        self._sums: Tensor = torch.zeros(7, dtype=torch.float64, device="cpu")

    def add(self, a: Tensor, b: Tensor) -> None:
        """Add pairs of numbers."""
        a, b = (x.detach().cpu().double().flatten() for x in (a, b))
        each = (torch.ones_like(a), a, b, a * a, b * b, a * b, (a - b).abs())
        self._sums += torch.stack([x.sum() for x in each])

    @property
    def error(self) -> float:
        """Mean of the absolute differences."""
        return float(self._sums[6] / self._sums[0])

    @property
    def correlation(self) -> float | None:
        """Pearson's correlation; None where one of the two does not vary."""
        n, a, b, aa, bb, ab, _ = self._sums.tolist()
        spreads = n * aa - a * a, n * bb - b * b
        if any(spread <= 1e-12 * n * squares for spread, squares in zip(spreads, (aa, bb), strict=True)):
            return None  # what is left is rounding
        return (n * ab - a * b) / sqrt(spreads[0] * spreads[1])


class Comparison:
    """A run of a network and of its spiking net over data, with each sample shown in every step.

    ``layers`` has a row for each activation and one, with an empty name, for the output. ``accuracy`` has the share of
    correctly classified samples by number of steps, with 0 for the network itself; it is empty without labels.
    """

    def __init__(
        self,
        ann: fx.GraphModule,
        net: fx.GraphModule,
        thresholds: Mapping[str, float],
        samples: Tensor,
        labels: Tensor | None,
        steps: Sequence[int],
    ) -> None:
        self._thresholds = thresholds
        self._steps = steps
        self._agreements = {name: {t: _Agreement() for t in steps} for name in (*thresholds, "")}
        self._above = dict.fromkeys(thresholds, 0)
        self._number = dict.fromkeys(thresholds, 0)
        self._active: dict[str, Any] = dict.fromkeys(thresholds, False)  # neurons above 0 in some sample
        self._fired: dict[str, Any] = dict.fromkeys(thresholds, False)  # neurons that fired in some sample
        self._right = dict.fromkeys((0, *steps), 0)
        tensors = (samples,) if labels is None else (samples, labels)
        for x, *classes in parts(*tensors):
            self._run(ann, net, x, classes[0] if classes else None)
        reset(net)
        self.accuracy: dict[int, float] = (
            {} if labels is None else {t: right / len(samples) for t, right in self._right.items()}
        )
        self.layers: tuple[Layer, ...] = tuple(self._layer(name) for name in (*thresholds, ""))

    def _run(self, ann: fx.GraphModule, net: fx.GraphModule, x: Tensor, labels: Tensor | None) -> None:
        values, expected = seen(ann, self._thresholds, x)
        self._count_right(0, expected, labels)
        for name, (taken, out) in values.items():
            self._above[name] += int((taken > self._thresholds[name]).sum())
            self._number[name] += taken.numel()
            self._active[name] |= (out > 0).any(0)
        sums: dict[str, Any] = dict.fromkeys(self._thresholds, 0)
        total = torch.zeros_like(expected)
        reset(net)
        for step in range(1, max(self._steps) + 1):
            spikes, out = seen(net, self._thresholds, x)
            total += out
            for name, (_, spk) in spikes.items():
                sums[name] += (spk != 0).to(spk.dtype)
            if step in self._steps:
                self._agreements[""][step].add(expected, total / step)
                for name, (_, activation) in values.items():
                    self._agreements[name][step].add(activation / self._thresholds[name], sums[name] / step)
                self._count_right(step, total, labels)
        for name, counts in sums.items():
            self._fired[name] |= (counts > 0).any(0)

    def _count_right(self, step: int, out: Tensor, labels: Tensor | None) -> None:
        if labels is not None:
            self._right[step] += int((out.argmax(1) == labels.to(out.device)).sum())

    def _layer(self, name: str) -> Layer:
        agreements = self._agreements[name]
        correlation = {t: agreement.correlation for t, agreement in agreements.items()}
        error = {t: agreement.error for t, agreement in agreements.items()}
        if not name:
            return Layer("", None, None, None, correlation, error)
        active = self._active[name]
        lost = (active & ~self._fired[name]).sum() / active.sum() if active.any() else 0.0
        return Layer(
            name, self._thresholds[name], self._above[name] / self._number[name], float(lost), correlation, error
        )


def check_labels(out: Tensor, labels: Tensor) -> None:
    """Raise a ValueError unless labels are classes that a net tells apart."""
    if out.dim() != 2:
        raise ValueError(
            must(
                "net",
                "return one number per class, as data has labels",
                f"{tuple(out.shape[1:])} for a sample",
                "pass the samples alone",
            )
        )
    low, high = (int(end) for end in torch.aminmax(labels))
    if low < 0 or high >= out.shape[1]:
        raise ValueError(
            must("the labels of data", f"be in [0, {out.shape[1] - 1}], the classes of net", f"{low} to {high}")
        )
