"""Phase code: a value as binary digits, one per step, the most significant first."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_spikegen._arguments import whole_number
from snn_spikegen._data import floating_dtype, outside, working
from snn_spikegen._messages import must

# A phase is a bit of a 64-bit integer, and products with powers of two up to here are exact in float32.
LONGEST_PERIOD = 62


def phase(data: Tensor, num_steps: int, period: int = 8) -> Tensor:
    r"""Return spikes at the binary digits of the value, repeatedly.

    .. math:: S[t] = b_{t \bmod K}, \qquad x \approx \sum_{k=0}^{K-1} 2^{-(1 + k)}\, b_k

    A spike in phase k is worth ``2 ** -(1 + k)``. The worth of one period falls short of the value by less than
    ``2 ** -K``, and by exactly that much for the value 1.

    Args:
        data: Values in [0, 1], ``[*shape]``, any real dtype.
        num_steps: Number of steps T, at least 1. A last period that is cut off lacks its least significant digits.
        period: Number K of phases, from 1 to 62.

    Returns:
        Spikes, 0 or 1, ``[num_steps, *shape]``, in the floating dtype of ``data`` (the default dtype for integers).

    Raises:
        TypeError: If ``data`` is not a real tensor, or a number of steps not an int.
        ValueError: If ``data`` contains NaN or a value outside [0, 1], or a number of steps is out of range.

    Example:
        >>> import torch
        >>> from snn_spikegen import phase
        >>> spk = phase(torch.tensor([0.625, 0.25]), num_steps=3, period=3)
        >>> spk
        tensor([[1., 0.],
                [0., 1.],
                [1., 0.]])
        >>> torch.tensor([0.5, 0.25, 0.125]) @ spk
        tensor([0.6250, 0.2500])

    Source: Kim, Kim, Huh, Lee and Choi, Deep neural networks with weighted spikes (2018).
    """
    values = working(data).detach()
    steps = whole_number("num_steps", num_steps, least=1)
    phases = whole_number("period", period, least=1)
    if phases > LONGEST_PERIOD:
        raise ValueError(must("period", f"be at most {LONGEST_PERIOD}", phases))
    if extent := outside(values, 0, 1):
        raise ValueError(must("data", "be in [0, 1]", f"values in {list(extent)}", "rescale them"))
    number = (values * 2**phases).long().clamp_(max=2**phases - 1)
    shifts = torch.arange(phases - 1, -1, -1, device=values.device).reshape(phases, *[1] * values.dim())
    digits = ((number >> shifts[:steps]) & 1).to(floating_dtype(data))
    return digits[torch.arange(steps, device=values.device) % phases]
