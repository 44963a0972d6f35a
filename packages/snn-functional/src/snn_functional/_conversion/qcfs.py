"""An activation that an integrate-and-fire neuron reproduces within a known number of steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from snn_functional._conversion.balancing import largest, positive
from snn_functional._conversion.samples import samples_of
from snn_functional._conversion.tracing import Clipped, activations_of, traced
from snn_functional._messages import must
from snn_functional._numbers import finite, whole
from snn_functional.quant._straight_through import must_be_floating, straight_through

_START = 99.0  # percentile; a larger threshold leaves most levels unused, and training hardly lowers it


class QCFS(Clipped):
    r"""Quantization-clip-floor-shift activation: a ReLU with L levels up to a threshold that is learned.

    .. math:: h(x) = \vartheta\,\mathrm{clip}\Big(\frac{1}{L}\Big\lceil\frac{x L}{\vartheta} - \frac12\Big\rceil,
        0, 1\Big)

    It is the firing rate, times the threshold :math:`\vartheta`, of an integrate-and-fire neuron that starts at half
    its threshold and receives the constant input x for L time steps. A value halfway between two levels goes to the
    lower one, as a membrane at the threshold does not fire. The gradient of x is that of the clipped value, as if
    nothing were rounded. The gradient of the threshold includes the rounding: it is :math:`(h - x)/\vartheta` within
    [0, :math:`\vartheta`] and 1 above.

    Args:
        levels: L, the number of levels above 0.
        threshold: The threshold to begin with, a parameter.

    Shape:
        any; the output has the shape of the input.

    Raises:
        TypeError: If an argument is of the wrong kind, or the input is not a floating-point tensor.
        ValueError: If ``levels`` is less than 1, or ``threshold`` not positive and finite.

    Example:
        >>> QCFS(levels=4, threshold=2.0)(torch.tensor([-1.0, 0.7, 0.8, 5.0]))
        tensor([0.0000, 0.5000, 1.0000, 2.0000], grad_fn=<MulBackward0>)

    Source: Bu et al., Optimal ANN-SNN Conversion for High-accuracy and Ultra-low-latency Spiking Neural Networks
    (2022), equation 15.
    """

    def __init__(self, levels: int = 8, threshold: float = 1.0) -> None:
        super().__init__()
        self.levels: int = whole("levels", levels, "the number of levels above 0", least=1)
        if finite("threshold", threshold) <= 0:
            raise ValueError(must("threshold", "be greater than 0", float(threshold)))
        self.threshold: nn.Parameter = nn.Parameter(torch.tensor(float(threshold)))

    def forward(self, x: Tensor) -> Tensor:
        """Return the level nearest to each value.

        Args:
            x: Any floating-point values.
        """
        must_be_floating(x)
        share = (x / self.threshold).clamp(0, 1)
        return self.threshold * (straight_through(share * self.levels, _nearest) / self.levels)

    @classmethod
    def replace_relu(cls, net: nn.Module, data: Any, *, levels: int = 8) -> fx.GraphModule:
        """Copy a net, with an activation of this class in place of every ReLU.

        Train it for some epochs, then ``snn.from_ann(net, data, method="qcfs")``. Each threshold begins
        at the 99th percentile of its ReLU's activations in ``data``, or at the largest one if that percentile is 0. The
        net itself does not change.

        Args:
            net: A trained net, as :func:`~snn_functional.from_ann` takes it.
            data: Inputs ``[samples, ...]``, or a pair of them and labels.
            levels: The number of levels above 0; about the number of steps that the spiking net will run.

        Returns:
            The copy, in the same mode as the net.

        Raises:
            TypeError: If an argument is of the wrong kind.
            ValueError: If the net has layers that cannot be converted, which the message lists, or has no ReLU, or if
                ``data`` cannot be used, as in :func:`~snn_functional.from_ann`.

        Example:
            >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
            >>> QCFS.replace_relu(net, torch.rand(20, 3), levels=4).get_submodule("1").levels
            4
        """
        levels = whole("levels", levels, "the number of levels above 0", least=1)
        samples, _ = samples_of(data)
        twin = traced(net, samples, "QCFS.replace_relu", settle=False)
        names = [name for name, activation in activations_of(twin).items() if type(activation) is nn.ReLU]
        if not names:
            raise ValueError(must("net", "contain an nn.ReLU to replace", f"{type(net).__name__} without one"))
        with torch.inference_mode(False), torch.no_grad(), samples.device:
            values = largest(twin, names, samples, _START)
            starts = {name: float(value.min()) or float(value.max()) for name, value in values.items()}
            for name, threshold in positive(starts, 100, "pass data that makes it fire").items():
                twin.set_submodule(name, cls(levels, threshold).to(samples.dtype))
        return twin.train(net.training)

    def extra_repr(self) -> str:
        return f"levels={self.levels}, threshold={self.threshold.item():.4g}"


def _nearest(levels: Tensor) -> Tensor:
    return (levels - 0.5).ceil().abs()  # without a negative zero
