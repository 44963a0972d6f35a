"""Conversion of a trained ordinary network to a spiking one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn

from snn_core.effects import RandomStates
from snn_functional._conversion.balancing import balanced
from snn_functional._conversion.comparing import Comparison, check_labels
from snn_functional._conversion.folding import folded
from snn_functional._conversion.report import Report
from snn_functional._conversion.samples import samples_of
from snn_functional._conversion.tracing import Clipped, activations_of, traced
from snn_functional._conversion.units import spiking
from snn_functional._messages import fault, must
from snn_functional._numbers import finite, whole

_METHODS = ("percentile", "max", "qcfs")
_PERCENTILE = 99.9


class Conversion(NamedTuple):
    """A spiking net, and the report on its layers."""

    net: fx.GraphModule
    report: Report


def from_ann(
    net: nn.Module,
    data: Any,
    *,
    method: str = "percentile",
    percentile: float | None = None,
    num_steps: int | Sequence[int] = (8, 16, 32, 64),
) -> Conversion:
    r"""Convert a trained ordinary network to a spiking one, whose firing rates stand for the activations.

    .. math:: a \approx \vartheta\,\frac{1}{T} \sum_{t=1}^{T} S[t]

    Every ReLU becomes a layer of integrate-and-fire neurons whose membranes start at half their threshold
    :math:`\vartheta` and are lowered by the threshold at each spike. If a sample is shown in every step, the mean over
    time of the net's output approaches the network's output. In the first layer, rates are off by :math:`1/(2T)` at
    most. The thresholds are

    - ``"percentile"`` and ``"max"``: that percentile, or the maximum, of each layer's activations in ``data``;
    - ``"qcfs"``: the thresholds that :class:`~snn_functional.QCFS` activations have learned.

    Batch normalizations are folded into the weights before them, dropouts are left out, and max pooling is done on
    counts of spikes, exact in the rates. Weights absorb the thresholds, so that a spike is 1; it has another amplitude
    only where it is added to the input or to spikes of another threshold, or is the output. Weights that torch computes
    before each call, by pruning, a norm or a parametrization, are converted as they are.

    A copy of the net is traced by ``torch.fx`` and run on ``data`` in evaluation mode; the net itself does not change.

    Args:
        net: A trained network of Linear, Conv1d, Conv2d, BatchNorm, ReLU or QCFS, max and average pooling, Dropout,
            Flatten, sums and concatenations of layers, in Sequentials or a ``forward`` of its own.
        data: Inputs ``[samples, ...]`` like those in training, or a pair of them and labels ``[samples]``.
        method: ``"percentile"``, ``"max"`` or ``"qcfs"``.
        percentile: The percentile, in (0, 100], for ``method="percentile"``; None for 99.9.
        num_steps: Number of steps after which the report compares rates with activations, or several such numbers.

    Returns:
        ``(net, report)``. The spiking net takes one step ``[batch, ...]``, has the paths of the network's layers, and
        works with ``unroll``, ``snn.to_nir`` and ``snn.export``. The report has the threshold, the clipped and silent
        shares, and the correlation and error of the rates of each layer, and with labels the accuracy. It prints as a
        table that names problems, shows as HTML in a notebook, and ``to_dict()`` returns JSON data.

    Raises:
        TypeError: If ``net`` is not a module or cannot be copied, or another argument is of the wrong kind.
        ValueError: If the net has unknown layers or functions, which the message lists; ``forward`` cannot be traced;
            the net cannot take ``data``; an activation is not finite, or a threshold is 0; ``method`` does not fit the
            activations; or another argument is out of range.

    Example:
        >>> ann = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))
        >>> for layer, weight in ((ann[0], [[0.5], [-1.0]]), (ann[2], [[2.0, 1.0]])):
        ...     layer.weight.data, _ = torch.tensor(weight), layer.bias.data.zero_()
        >>> x = torch.tensor([[0.25], [1.0]])
        >>> net, report = from_ann(ann, x, method="max", num_steps=8)
        >>> import snn_core as snn
        >>> snn.unroll(net, x.expand(8, 2, 1)).mean(0).flatten(), ann(x).flatten()
        (tensor([0.2500, 1.0000], grad_fn=...), tensor([0.2500, 1.0000], grad_fn=...))

    Source: Rueckauer et al., Conversion of Continuous-Valued Deep Networks to Efficient Event-Driven Networks for Image
    Classification (2017); Bu et al., Optimal ANN-SNN Conversion for High-accuracy and Ultra-low-latency Spiking Neural
    Networks (2022), for the start at half the threshold.
    """
    percentile = _percentile(method, percentile)
    steps = _steps(num_steps)
    samples, labels = samples_of(data)
    with RandomStates(), torch.inference_mode(False), torch.no_grad(), samples.device:
        ann = folded(traced(net, samples, "from_ann"))
        if labels is not None:
            check_labels(ann(samples[:1]), labels)
        thresholds = _thresholds(ann, type(net).__name__, method, samples, percentile)
        spikes = spiking(ann, thresholds, samples)
        comparison = Comparison(ann, spikes, thresholds, samples, labels, steps)
    accuracy = comparison.accuracy
    how = f"percentile {percentile:g}" if method == "percentile" else method
    return Conversion(
        spikes, Report(how, comparison.layers, accuracy, accuracy.pop(0) if accuracy else None, len(samples))
    )


def _thresholds(ann: fx.GraphModule, name: str, method: str, samples: Tensor, percentile: float) -> dict[str, float]:
    activations = activations_of(ann)
    if not activations:
        raise ValueError(must("net", "contain an nn.ReLU to convert", f"{name} without one"))
    wrong = [path for path, m in activations.items() if isinstance(m, Clipped) != (method == "qcfs")]
    if wrong:
        named = ", ".join(f"'{path}'" for path in wrong)
        if method == "qcfs":
            raise ValueError(
                fault(f"method is 'qcfs', but these are ReLUs: {named}", "train QCFS.replace_relu(net, data) first")
            )
        raise ValueError(
            fault(f"method is {method!r}, but these are QCFS, with thresholds: {named}", "pass method='qcfs'")
        )
    if method != "qcfs":
        return balanced(ann, [*activations], samples, percentile)
    thresholds = {path: float(m.threshold) for path, m in activations.items() if isinstance(m, Clipped)}
    for path, threshold in thresholds.items():
        if not 0 < threshold < float("inf"):
            raise ValueError(
                must(f"the threshold of '{path}'", "be greater than 0", f"{threshold:.4g}", "train it again")
            )
    return thresholds


def _percentile(method: Any, percentile: Any) -> float:
    if not isinstance(method, str):
        raise TypeError(must("method", f"be one of {', '.join(map(repr, _METHODS))}", repr(method)))
    if method not in _METHODS:
        raise ValueError(must("method", f"be one of {', '.join(map(repr, _METHODS))}", repr(method)))
    if percentile is None:
        return 100.0 if method == "max" else _PERCENTILE
    if method != "percentile":
        raise ValueError(
            fault(
                f"percentile is {percentile!r} with method={method!r}",
                "pass method='percentile', or leave out percentile",
            )
        )
    number = finite("percentile", percentile)
    if not 0 < number <= 100:
        raise ValueError(must("percentile", "be in (0, 100]", number))
    return number


def _steps(num_steps: Any) -> tuple[int, ...]:
    if not isinstance(num_steps, list | tuple):
        return (whole("num_steps", num_steps, "an int, or several", least=1),)
    if not num_steps:
        raise ValueError(
            must("num_steps", "be an int or several, the numbers of steps after which to compare", repr(num_steps))
        )
    name = f"each of num_steps={num_steps!r}"
    return tuple(sorted({whole(name, steps, least=1) for steps in num_steps}))
