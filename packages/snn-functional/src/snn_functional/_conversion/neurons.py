"""Neurons that replace activations and maxima."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snn_core import AxonalDelay, Leaky, RLeaky


def integrate_and_fire(threshold: float | Tensor, amplitude: float | Tensor = 1.0) -> RLeaky:
    r"""Make a neuron without leak that starts at half its threshold and loses the threshold at each spike.

    .. math:: V[t] = V[t-1] + X[t] - \vartheta\,S[t-1], \qquad S[t] = \Theta(V[t] - \vartheta), \qquad
        V[0] = \vartheta/2

    With :math:`U = V - \vartheta/2` it starts at rest as all neurons do, fires above :math:`\vartheta/2`, and is
    lowered by :math:`\vartheta` through a connection to itself. This gives the same spikes, with an equation that
    kernels, NIR and C already have. In T steps of a constant input x within [0, :math:`\vartheta`] it fires
    :math:`\lceil T x / \vartheta - 1/2 \rceil` times.
    """
    return RLeaky(
        beta=1.0,
        V=-threshold / amplitude,
        all_to_all=False,
        learn_recurrent=False,
        threshold=threshold / 2,
        graded_spikes_factor=amplitude,
        reset_mechanism="none",
        init_hidden=True,
    )


class CountedMaxPool(nn.Module):
    r"""Max pooling of spikes by their counts: it gives a spike when the largest count of a window grows.

    .. math:: Y[t] = \max_w \sum_{s \le t} X_w[s] - \max_w \sum_{s < t} X_w[s]

    The sum of its output over time is the maximum of the sums of its inputs, whatever they are, so its rate is the
    largest rate. If its input is spikes, so is its output.

    Example:
        >>> pool = CountedMaxPool(nn.MaxPool1d(2))
        >>> [pool(torch.tensor([[x]])).item() for x in ([1.0, 0.0], [0.0, 1.0], [0.0, 1.0])]
        [1.0, 0.0, 1.0]

    Source: Rueckauer et al., Conversion of Continuous-Valued Deep Networks to Efficient Event-Driven Networks for Image
    Classification (2017), section 2.2.6, a gate that passes the unit with the largest estimated rate.
    """

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        never = torch.finfo(torch.float32).max
        self.count = Leaky(beta=1.0, threshold=never, reset_mechanism="none", init_hidden=True, output=True)
        self.pool = pool
        self.before = AxonalDelay(max_delay=1, delay=1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Return the growth of the largest counts in one step."""
        most = self.pool(self.count(x)[1])
        return most - self.before(most)
