"""Latency code: the larger a value, the earlier its one spike."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from snn_spikegen._arguments import finite, first_step, plain, whole_number
from snn_spikegen._data import extent, floating_dtype, without_nan, working
from snn_spikegen._device_checks import answers_at_once, leave_to_device
from snn_spikegen._messages import fault, must


def latency_code(
    data: Tensor,
    num_steps: int = False,
    threshold: float = 0.01,
    tau: float = 1,
    first_spike_time: int = 0,
    normalize: bool = False,
    linear: bool = False,
    epsilon: float = 1e-7,
) -> tuple[Tensor, Tensor]:
    r"""Return the spike time of every value, and which values lie below the threshold.

    The times are those of ``latency_code_log`` or, with ``linear=True``, of ``latency_code_linear``.

    Args:
        data: Values ``[*shape]``, meant to be in [0, 1], any real dtype.
        num_steps: Number of steps T; needed with ``normalize=True``.
        threshold: Smallest value that still has a time of its own, in (0, 1).
        tau: Time constant in steps, above 0.
        first_spike_time: Step f of the earliest spike.
        normalize: Whether the times of each sample (each index of axis 0; 1-D data are one sample) are fitted into
            [f, T - 1].
        linear: Whether time is linear in the value rather than logarithmic.
        epsilon: How far above the threshold the logarithmic code saturates.

    Returns:
        Spike times in steps, not rounded, ``[*shape]``, and the mask ``data < threshold``, ``[*shape]``.

    Raises:
        TypeError: If ``data`` is not a real tensor, a number of steps not an int, or another argument not a number.
        ValueError: If ``data`` contains NaN, an argument is out of range, or ``normalize=True`` lacks ``num_steps``.

    Example:
        >>> import torch
        >>> from snn_spikegen import latency_code
        >>> latency_code(torch.tensor([0.0, 0.5, 1.0]), num_steps=5, normalize=True, linear=True)
        (tensor([3.9600, 2.0000, 0.0000]), tensor([ True, False, False]))

    Source: Thorpe, Delorme and Van Rullen, Spike-based strategies for rapid processing (2001).
    """
    below = working(data) < finite("threshold", threshold)
    if linear:
        return latency_code_linear(data, num_steps, threshold, tau, first_spike_time, normalize), below
    return latency_code_log(data, num_steps, threshold, tau, first_spike_time, normalize, epsilon), below


def latency_code_log(
    data: Tensor,
    num_steps: int = False,
    threshold: float = 0.01,
    tau: float = 1,
    first_spike_time: int = 0,
    normalize: bool = False,
    epsilon: float = 1e-7,
) -> Tensor:
    r"""Return the time at which a leaky neuron driven by the value reaches the threshold.

    .. math:: t = \tau \ln\frac{\hat x}{\hat x - \vartheta} + f, \qquad \hat x = \max(x, \vartheta + \epsilon)

    With ``normalize=True`` the latest spike of every sample comes at step T - 1:
    ``t - f`` is multiplied by ``(T - 1 - f) / max(t - f)``, with the maximum over the sample alone.

    Args:
        data: Values ``[*shape]``, meant to be in [0, 1], any real dtype.
        num_steps: Number of steps T; needed with ``normalize=True``.
        threshold: Threshold of the neuron, in (0, 1); values below it fire last.
        tau: Time constant in steps, above 0.
        first_spike_time: Step f of the earliest spike.
        normalize: Whether the times of each sample (each index of axis 0; 1-D data are one sample) are fitted into
            [f, T - 1].
        epsilon: How far above the threshold the code saturates, so that the logarithm stays finite.

    Returns:
        Spike times in steps, not rounded, ``[*shape]``, in the floating dtype of ``data``.

    Raises:
        TypeError: If ``data`` is not a real tensor, a number of steps not an int, or another argument not a number.
        ValueError: If ``data`` contains NaN, an argument is out of range, or ``normalize=True`` lacks ``num_steps``.

    Example:
        >>> import torch
        >>> from snn_spikegen import latency_code_log
        >>> latency_code_log(torch.tensor([0.02, 0.5, 1.0]), num_steps=5, normalize=True)
        tensor([4.0000, 0.1166, 0.0580])

    Source: Gerstner et al., Neuronal Dynamics (2014), section 1.3, solved for the time of the first spike.
    """
    values = working(data)
    threshold, tau = constants(threshold, tau)
    steps, first = _check(values, num_steps, first_spike_time, normalize)
    # A larger epsilon makes a difference, however it rounds.
    epsilon = finite("epsilon", epsilon)
    if epsilon < 2 * threshold * torch.finfo(values.dtype).eps:
        levels = torch.tensor([threshold, threshold + epsilon], dtype=values.dtype, device="cpu")
        if not levels[1] > levels[0]:
            raise ValueError(
                must(
                    "epsilon",
                    f"make a difference in {values.dtype}, added to threshold={threshold}",
                    epsilon,
                    "increase it",
                )
            )
    values = values.clamp(min=threshold + epsilon)
    # In place, and with no zero added: new memory of the size of the data costs more than the logarithm.
    times = values.div_(values - threshold).log_()
    times = times if tau == 1 else times.mul_(tau)
    times = times.add_(first) if first else times
    if normalize and times.numel():
        since = times - first if first else times
        latest = _per_sample(torch.amax, since)
        # A sample whose times are all zero has nothing to stretch; dividing by 1 leaves it at f.
        latest = torch.where(latest > 0, latest, torch.ones_like(latest))
        times = (since * (steps - first - 1)).div_(latest)
        times = times.add_(first) if first else times
    return times.to(floating_dtype(data))


def latency_code_linear(
    data: Tensor,
    num_steps: int = False,
    threshold: float = 0.01,
    tau: float = 1,
    first_spike_time: int = 0,
    normalize: bool = False,
) -> Tensor:
    r"""Return a time that falls linearly with the value.

    .. math:: t = \min(\tau (1 - x),\ \tau (1 - \vartheta)) + f

    With ``normalize=True`` the time constant is T - 1 - f, so that 1 fires at step f and 0 would fire at T - 1. A
    sample with values above 1, which would fire before f, is stretched between its own earliest and latest spike.

    Args:
        data: Values ``[*shape]``, meant to be in [0, 1], any real dtype.
        num_steps: Number of steps T; needed with ``normalize=True``.
        threshold: Smallest value that still has a time of its own, in (0, 1); values below it fire at the same time.
        tau: Steps between the spikes of the values 1 and 0, above 0.
        first_spike_time: Step f of the earliest spike.
        normalize: Whether the times of each sample (each index of axis 0; 1-D data are one sample) are fitted into
            [f, T - 1].

    Returns:
        Spike times in steps, not rounded, ``[*shape]``, in the floating dtype of ``data``.

    Raises:
        TypeError: If ``data`` is not a real tensor, a number of steps not an int, or another argument not a number.
        ValueError: If ``data`` contains NaN, an argument is out of range, or ``normalize=True`` lacks ``num_steps``.

    Example:
        >>> import torch
        >>> from snn_spikegen import latency_code_linear
        >>> latency_code_linear(torch.tensor([0.02, 0.5, 1.0]), num_steps=5, normalize=True)
        tensor([3.9200, 2.0000, 0.0000])

    Source: Rueckauer and Liu, Conversion of analog to spiking neural networks using sparse temporal coding (2018).
    """
    values = working(data)
    threshold, tau = constants(threshold, tau)
    steps, first = _check(values, num_steps, first_spike_time, normalize)
    slope = steps - 1 - first if normalize else tau
    times = 1 - values
    times = (times if slope == 1 else times.mul_(slope)).clamp_(max=slope * (1 - threshold))
    times = times.add_(first) if first else times
    if normalize and times.numel():
        earliest = _per_sample(torch.amin, times)
        if not answers_at_once(earliest) or (earliest < first).any():  # if none is, nothing changes
            span = _per_sample(torch.amax, times) - earliest
            # A constant sample has no span; dividing by 1 puts its only time at f.
            span = torch.where(span > 0, span, torch.ones_like(span))
            stretched = (times - earliest) * (1 / span) * (steps - 1 - first) + first
            times = torch.where(earliest < first, stretched, times)
    return times.to(floating_dtype(data))


def _per_sample(extreme: Callable[..., Tensor], times: Tensor) -> Tensor:
    """Return the extreme time of each sample, shaped to broadcast over it."""
    axes = tuple(range(1, times.dim())) or tuple(range(times.dim()))
    return extreme(times, dim=axes, keepdim=True)


def _check(values: Tensor, num_steps: int, first_spike_time: int, normalize: bool) -> tuple[int, int]:
    steps = whole_number("num_steps", num_steps)
    first = first_step(first_spike_time, steps)
    if normalize and not steps:
        raise ValueError(fault("num_steps is not given, but normalize=True needs it to know the last step"))
    without_nan(values)
    if first and not answers_at_once(values):
        both = (values < 0).any() & (values > 1).any()
        leave_to_device(~both, f"data must be in [0, 1] with first_spike_time={first}")
    elif first:
        lowest, highest = extent(values)
        if lowest < 0 and highest > 1:
            raise ValueError(
                must("data", f"be in [0, 1] with first_spike_time={first}", f"values in [{lowest}, {highest}]")
            )
    return steps, first


def constants(threshold: float, tau: float) -> tuple[float, float]:
    """Return the constants of a latency code, after a check."""
    if not 0 < finite("threshold", threshold) < 1:
        raise ValueError(must("threshold", "be between 0 and 1, both excluded", threshold))
    if finite("tau", tau) <= 0:
        raise ValueError(must("tau", "be greater than 0, as a time constant", tau))
    return plain("threshold", threshold), plain("tau", tau)
