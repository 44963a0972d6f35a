"""Latency code as spikes: every value fires once, larger values earlier."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snn_spikegen._arguments import finite, whole_number
from snn_spikegen._data import floating_dtype, outside, working
from snn_spikegen._device_checks import answers_at_once, leave_to_device
from snn_spikegen._messages import fault, must
from snn_spikegen.latency_code import latency_code


def latency(
    data: Tensor,
    num_steps: int = False,
    threshold: float = 0.01,
    tau: float = 1,
    first_spike_time: int = 0,
    on_target: float = 1,
    off_target: float = 0,
    clip: bool = False,
    normalize: bool = False,
    linear: bool = False,
    interpolate: bool = False,
    bypass: bool = False,
    epsilon: float = 1e-7,
) -> Tensor:
    r"""Return one spike for every value, at the step nearest to its latency.

    .. math:: S[k] = \text{on if } k = \mathrm{round}(t(x)) \text{ else off}

    with t(x) of ``latency_code_log``, or of ``latency_code_linear`` with ``linear=True``.

    Args:
        data: Values in [0, 1], ``[*shape]``, batch first where there is one; any real dtype.
        num_steps: Number of steps T. May be absent with ``bypass=True``: the latest spike of ``data`` then sets it.
        threshold: Values below it fire last, or not at all with ``clip=True``; in (0, 1).
        tau: Time constant in steps, above 0.
        first_spike_time: Step f of the earliest spike.
        on_target: Value at the spike.
        off_target: Value elsewhere.
        clip: Whether values below the threshold stay silent.
        normalize: Whether the times of each sample (each index of axis 0; 1-D data are one sample) are fitted into
            [f, T - 1], so that no code depends on the rest of the batch.
        linear: Whether time is linear in the value rather than logarithmic.
        interpolate: Whether the value rises linearly from ``off_target`` at step 0 to ``on_target`` at the spike.
        bypass: Whether spikes later than T - 1 are dropped instead of raising an error.
        epsilon: How far above the threshold the logarithmic code saturates.

    Returns:
        Spikes or ramps ``[num_steps, *shape]``, in the floating dtype of ``data`` (the default dtype for integers).

    Raises:
        TypeError: If ``data`` is not a real tensor, a number of steps not an int, or another argument not a number.
        ValueError: If ``data`` contains NaN or a value outside [0, 1], an argument is out of range, ``num_steps`` is
            missing, or a spike comes after the last step.

    Example:
        >>> import torch
        >>> from snn_spikegen import latency
        >>> latency(torch.tensor([0.02, 0.5, 1.0]), num_steps=5, normalize=True, linear=True)
        tensor([[0., 0., 1.],
                [0., 0., 0.],
                [0., 1., 0.],
                [0., 0., 0.],
                [1., 0., 0.]])

    Source: Thorpe, Delorme and Van Rullen, Spike-based strategies for rapid processing (2001).
    """
    values = working(data).detach()
    if extent := outside(values, 0, 1):
        raise ValueError(
            must(
                "data",
                "be in [0, 1]",
                f"values in {list(extent)}",
                "rescale them, for example an 8-bit image by data / 255",
            )
        )
    on, off = finite("on_target", on_target), finite("off_target", off_target)
    steps = whole_number("num_steps", num_steps)
    if not steps and not bypass:
        raise ValueError(fault("num_steps is not given", "pass it, or let bypass=True take it from the latest spike"))
    times, below = latency_code(values, steps, threshold, tau, first_spike_time, normalize, linear, epsilon)
    times = times.round()
    if not steps and not times.numel():
        raise ValueError(
            fault("num_steps is not given, and empty data have no latest spike to take it from", "pass num_steps")
        )
    late = "raise num_steps, lower tau, set normalize=True, or drop late spikes with bypass=True"
    if steps and not answers_at_once(times):
        latest = 0
        if not bypass:
            leave_to_device((times <= steps - 1).all(), f"a spike comes after the last of num_steps={steps} steps")
    else:
        latest = int(times.max()) if times.numel() else 0
    steps = steps or latest + 1
    if latest > steps - 1 and not bypass:
        raise ValueError(
            fault(f"the latest spike comes at step {latest}, after the last of num_steps={steps} steps", late)
        )
    dtype = floating_dtype(data)
    if interpolate:
        coded = latency_interpolate(times, steps, on, off).to(dtype)
        return coded.masked_fill_(below, off) if clip else coded
    coded = torch.full((steps, *times.shape), off, dtype=dtype, device=times.device)
    fires = (times < steps) & ~below if clip else times < steps
    return _put_spikes(coded, times, fires, on)


def latency_interpolate(spike_time: Tensor, num_steps: int, on_target: float = 1, off_target: float = 0) -> Tensor:
    r"""Return a ramp from the first step to each spike, one neuron per spike time.

    .. math:: Y[k] = \text{off} + (\text{on} - \text{off})\,k / t \text{ for } k \le t, \text{ off after it}

    A neuron whose spike lies beyond ``num_steps`` stays at ``off_target``.

    Args:
        spike_time: Spike times in steps, at least 0, rounded here, ``[*shape]``, any real dtype.
        num_steps: Number of steps T, at least 1.
        on_target: Value at the spike, at least ``off_target``.
        off_target: Value at the first step and after the spike.

    Returns:
        Ramps ``[num_steps, *shape]``, in the floating dtype of ``spike_time`` (the default dtype for integers).

    Raises:
        TypeError: If ``spike_time`` is not a real tensor, ``num_steps`` not an int, or a target not a number.
        ValueError: If a spike time is negative or NaN, ``num_steps`` below 1, or ``on_target`` below ``off_target``.

    Example:
        >>> import torch
        >>> from snn_spikegen import latency_interpolate
        >>> latency_interpolate(torch.tensor([0.0, 4.0]), num_steps=5)
        tensor([[1.0000, 0.0000],
                [0.0000, 0.2500],
                [0.0000, 0.5000],
                [0.0000, 0.7500],
                [0.0000, 1.0000]])

    Source: linear interpolation between (0, off) and (t, on).
    """
    on, off = finite("on_target", on_target), finite("off_target", off_target)
    if on < off:
        raise ValueError(
            must("on_target", f"be at least off_target={off_target}", on_target, "swap them, as a ramp rises")
        )
    steps = whole_number("num_steps", num_steps, least=1)
    times = working(spike_time, "spike_time").detach().round()
    if extent := outside(times, 0, math.inf, "spike_time"):
        raise ValueError(must("spike_time", "be at least 0, as a step", extent[0]))
    step = torch.arange(steps, dtype=times.dtype, device=times.device).reshape(steps, *[1] * times.dim())
    # Multiplying by 1 / t, unlike dividing by t, rounds to the same last bit as snnTorch's ramps. No slope: no ramp.
    slope = times.reciprocal().masked_fill_((times == 0) | (times > steps), 0)
    ramps = step * slope
    # In place, with no more passes than needed, as passes cost more than the arithmetic.
    ramps = ramps.mul_(on - off) if on - off != 1 else ramps
    ramps = ramps.add_(off) if off else ramps
    ramps.masked_fill_(step > times, off)
    # The spike itself is put last: rounding could miss on_target.
    return _put_spikes(ramps, times, times < steps, on).to(floating_dtype(spike_time))


def _put_spikes(train: Tensor, times: Tensor, fires: Tensor, on: float) -> Tensor:
    """Set ``train`` to ``on`` at the time of every neuron that fires, in place."""
    at = torch.where(fires, times, 0).long().unsqueeze(0)
    return train.scatter_(0, at, torch.where(fires.unsqueeze(0), on, train[:1]))
