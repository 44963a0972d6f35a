"""Population code: a value as the responses of neurons that each prefer a different value."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_spikegen._arguments import finite, whole_number
from snn_spikegen._data import floating_dtype, nearest, outside, without_nan, working
from snn_spikegen._messages import must


def population(data: Tensor, num_neurons: int, low: float = 0, high: float = 1, overlap: float = 1.5) -> Tensor:
    r"""Return responses of neurons with Gaussian receptive fields that cover the range of the data.

    .. math:: Y_i = \exp\left(-\frac{(x - \mu_i)^2}{2 \sigma^2}\right), \qquad
        \mu_i = l + \frac{2 i - 3}{2} \cdot \frac{h - l}{N - 2}, \qquad
        \sigma = \frac{1}{\gamma} \cdot \frac{h - l}{N - 2}, \qquad i = 1, \ldots, N

    The centers lie a constant distance apart, the first and the last one half a distance outside the range. Responses
    are probabilities for ``rate`` and values for ``latency``, which make spikes of them.

    Args:
        data: Values in [low, high], whose ends are rounded to the dtype of ``data``, ``[*shape]``, any real dtype.
        num_neurons: Number of neurons N for every value, at least 3.
        low: Lower end l of the range.
        high: Upper end h of the range, above ``low``.
        overlap: Distance between two centers in widths of a field (gamma), above 0.

    Returns:
        Responses in [0, 1], ``[*shape, num_neurons]``, in the floating dtype of ``data`` (the default dtype for
        integers). They are differentiable in ``data``.

    Raises:
        TypeError: If ``data`` is not a real tensor, ``num_neurons`` not an int, or another argument not a number.
        ValueError: If ``data`` contains NaN or a value outside [low, high], or an argument is out of range.

    Example:
        >>> import torch
        >>> from snn_spikegen import latency, population
        >>> responses = population(torch.tensor([0.0, 0.5]), num_neurons=4)
        >>> responses
        tensor([[0.7548, 0.7548, 0.0796, 0.0009],
                [0.0796, 0.7548, 0.7548, 0.0796]])
        >>> latency(responses, num_steps=10, threshold=0.05, normalize=True, linear=True, clip=True).shape
        torch.Size([10, 2, 4])

    Source: Bohte, Kok and La Poutre, Error-backpropagation in temporally encoded networks of spiking neurons (2002).
    """
    values, dtype = working(data), floating_dtype(data)
    neurons = whole_number("num_neurons", num_neurons, least=3)
    lower, upper, gamma = finite("low", low), finite("high", high), finite("overlap", overlap)
    if lower >= upper:
        raise ValueError(must("low", f"be below high={upper}", lower))
    if gamma <= 0:
        raise ValueError(must("overlap", "be greater than 0", gamma))
    without_nan(values)
    if extent := outside(values, nearest(lower, dtype), nearest(upper, dtype)):
        raise ValueError(
            must(
                "data",
                f"be between low={lower} and high={upper}",
                f"values in {list(extent)}",
                "widen these, or clamp data",
            )
        )
    spacing = (upper - lower) / (neurons - 2)
    centers = lower + spacing * (torch.arange(neurons, dtype=values.dtype, device=values.device) - 0.5)
    distance = (values.unsqueeze(-1) - centers) * (gamma / spacing)
    return torch.exp(-0.5 * distance.square()).to(dtype)
