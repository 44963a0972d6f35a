"""Ramps between the spikes of one neuron: a target for its membrane."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_spikegen._arguments import finite, whole_number
from snn_spikegen._data import floating_dtype, outside, working
from snn_spikegen._messages import must


def rate_interpolate(
    spike_time: Tensor, num_steps: int, on_target: float = 1, off_target: float = 0, epsilon: float = 1e-7
) -> Tensor:
    r"""Return a ramp up to every spike of one neuron, each from the step after the previous spike.

    .. math:: Y[k] = \text{off} + (\text{on} - \text{off})\,\frac{k - p - 1}{n - p - 1}

    with p the last spike before step k (-1 if there is none) and n the first one at or after it. A spike right after
    another has no ramp, ``Y[n] = on``; after the last spike Y is off.

    Args:
        spike_time: Spike times of the neuron in steps, rounded here, ``[N]``, in any order, any real dtype; times that
            occur twice are one spike.
        num_steps: Number of steps T, at least 1.
        on_target: Value at a spike.
        off_target: Value at the step after a spike, and after the last one. It may be above ``on_target``.
        epsilon: Has no effect, as a ramp ends at ``on_target`` exactly; accepted because snnTorch's function has it.

    Returns:
        The ramps ``[num_steps]``, in the floating dtype of ``spike_time`` (the default dtype for integers).

    Raises:
        TypeError: If ``spike_time`` is not a real tensor, ``num_steps`` not an int, or another argument not a number.
        ValueError: If ``spike_time`` is not 1-D, a time is outside [0, T - 1] or NaN, or ``num_steps`` is below 1.

    Example:
        >>> import torch
        >>> from snn_spikegen import rate_interpolate
        >>> rate_interpolate(torch.tensor([0, 4, 5]), num_steps=7)
        tensor([1.0000, 0.0000, 0.3333, 0.6667, 1.0000, 1.0000, 0.0000])

    Source: linear interpolation between (p + 1, off) and (n, on).
    """
    dtype = floating_dtype(spike_time, "spike_time")
    on, off = finite("on_target", on_target), finite("off_target", off_target)
    finite("epsilon", epsilon)
    steps = whole_number("num_steps", num_steps, least=1)
    if spike_time.dim() != 1:
        raise ValueError(
            must(
                "spike_time", "contain the times of one neuron, [N]", f"shape {tuple(spike_time.shape)}", "pass one row"
            )
        )
    times = working(spike_time, "spike_time").detach().round()
    if outside(times, 0, steps - 1, "spike_time"):
        other = times[~((times >= 0) & (times < steps))][0].item()
        raise ValueError(must("spike_time", f"be in [0, {steps - 1}] with num_steps={steps}", other))
    step = torch.arange(steps, dtype=times.dtype, device=times.device)
    fires = torch.zeros(steps, dtype=torch.bool, device=times.device).index_fill_(0, times.long(), True)
    start = torch.where(fires, step + 1, 0).cummax(0).values.roll(1)
    start[0] = 0
    end = torch.where(fires, step, steps).flip(0).cummin(0).values.flip(0)
    # A ramp of no length has 0 / 0 at its only step, which is a spike.
    ramp = off + (on - off) * ((step - start) / (end - start))
    return torch.where(end == steps, off, ramp).masked_fill_(fires, on).to(dtype)
