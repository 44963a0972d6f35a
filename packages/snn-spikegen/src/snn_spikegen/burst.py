"""Burst code: the larger a value, the more spikes its burst has and the closer they follow each other."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_spikegen._arguments import whole_number
from snn_spikegen._data import floating_dtype, outside, working
from snn_spikegen._messages import must


def burst(
    data: Tensor, num_steps: int, max_spikes: int = 5, min_interval: int = 1, max_interval: int | None = None
) -> Tensor:
    r"""Return one burst for every value, from step 0 on.

    .. math:: S[t] = 1 \text{ at } t = 0, \Delta, 2 \Delta, \ldots, (n - 1) \Delta, \qquad
        n = \lceil N x \rceil, \qquad \Delta = \lceil \Delta_\max - (\Delta_\max - \Delta_\min)\, x \rceil

    The count alone gives the value to within ``1 / max_spikes``: ``0 <= n / N - x < 1 / N``. The value 0 is silent.

    Args:
        data: Values in [0, 1], ``[*shape]``, any real dtype.
        num_steps: Number of steps T, at least 1.
        max_spikes: Number N of spikes of the value 1, at least 1.
        min_interval: Steps from a spike to the next for the value 1, at least 1.
        max_interval: The same for values near 0; by default the most that lets every burst end within T,
            ``(num_steps - 1) // (max_spikes - 1)``.

    Returns:
        Spikes, 0 or 1, ``[num_steps, *shape]``, in the floating dtype of ``data`` (the default dtype for integers).

    Raises:
        TypeError: If ``data`` is not a real tensor, or a number of steps or spikes not an int.
        ValueError: If ``data`` contains NaN or a value outside [0, 1], a number is out of range, or a burst might not
            end within T.

    Example:
        >>> import torch
        >>> from snn_spikegen import burst
        >>> burst(torch.tensor([0.0, 0.3, 1.0]), num_steps=5, max_spikes=3).T
        tensor([[0., 0., 0., 0., 0.],
                [1., 0., 0., 0., 0.],
                [1., 1., 1., 0., 0.]])

    Source: Guo, Fouda, Eltawil and Salama, Neural coding in spiking neural networks: a comparative study (2021).
    """
    values = working(data).detach()
    steps = whole_number("num_steps", num_steps, least=1)
    most = whole_number("max_spikes", max_spikes, least=1)
    shortest = whole_number("min_interval", min_interval, least=1)
    fitting = (steps - 1) // (most - 1) if most > 1 else max(steps - 1, 1)
    longest = fitting if max_interval is None else whole_number("max_interval", max_interval, least=1)
    if longest > fitting:
        raise ValueError(
            must(
                "max_interval",
                f"be at most {fitting}, so that {most} spikes end within num_steps={steps}",
                longest,
                "lower it, lower max_spikes, or raise num_steps",
            )
        )
    if shortest > longest:
        raise ValueError(
            must(
                "min_interval",
                f"be at most max_interval={longest}",
                shortest,
                f"lower it or max_spikes={most}, or raise num_steps={steps}",
            )
        )
    if extent := outside(values, 0, 1):
        raise ValueError(must("data", "be in [0, 1]", f"values in {list(extent)}", "rescale them"))
    # A burst has ceil(N x) spikes: spike i is one of them if i < N x.
    count = values * most
    interval = (longest - (longest - shortest) * values).ceil()
    spike = torch.arange(most, dtype=values.dtype, device=values.device).reshape(most, *[1] * values.dim())
    # A missing spike of a burst is put on its first spike.
    times = torch.where(spike < count, spike * interval, 0).long()
    dtype = floating_dtype(data)
    spikes = torch.zeros(steps, *values.shape, dtype=dtype, device=values.device)
    return spikes.scatter_(0, times, (count > 0).to(dtype).expand(most, *values.shape))
