"""Decoding of spikes by their number: the inverse of ``rate``."""

from __future__ import annotations

from torch import Tensor

from snn_spikegen._arguments import factor, first_step
from snn_spikegen._data import spike_trains
from snn_spikegen._device_checks import is_any
from snn_spikegen._messages import fault


def decode_rate(
    spikes: Tensor, gain: float | Tensor = 1, offset: float | Tensor = 0, first_spike_time: int = 0
) -> Tensor:
    r"""Return the most likely value behind rate-coded spikes.

    .. math:: \hat x = \frac{1}{g} \left( \frac{1}{T - f} \sum_{t=f}^{T-1} S[t] - o \right)

    For spikes of ``rate`` with the same arguments, and ``p = g x + o`` in [0, 1], the mean of the result is x and its
    standard deviation ``sqrt(p (1 - p) / (T - f)) / |g|``, at most ``1 / (2 |g| sqrt(T - f))``. The regular pattern of
    ``target_rate_code`` comes back with an error below ``1 / (T - f)``. What ``rate`` clamps comes back as the clamped
    value.

    Args:
        spikes: Spikes, 0 or 1, ``[T, *shape]``, any real dtype.
        gain: The gain g they were encoded with, not 0: a number, or a tensor that broadcasts to ``[*shape]``.
        offset: The offset o they were encoded with, likewise.
        first_spike_time: The number f of silent steps at the start.

    Returns:
        Values ``[*shape]``, in the floating dtype of ``spikes`` (the default dtype for integers). They are
        differentiable in ``spikes``.

    Raises:
        TypeError: If ``spikes`` is not a real tensor, ``first_spike_time`` not an int, or another argument not a
            number.
        ValueError: If ``spikes`` have no steps or are not 0 or 1, or an argument is out of range or does not broadcast.

    Example:
        >>> import torch
        >>> from snn_spikegen import decode_rate
        >>> decode_rate(torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 1.0], [1.0, 1.0]]), gain=0.5)
        tensor([1., 2.])

    Source: Gerstner et al., Neuronal Dynamics (2014), section 7.2 (rate as a count of spikes over a duration).
    """
    trains = spike_trains(spikes)
    first = first_step(first_spike_time, trains.shape[0])
    offset = factor("offset", offset, trains.shape[1:])
    gain = factor("gain", gain, trains.shape[1:])
    none = gain == 0
    problem = "gain is 0, and spikes drawn with it say nothing about the value"
    if is_any(none, problem) if isinstance(none, Tensor) else none:
        raise ValueError(fault(problem, "pass the gain of the encoder"))
    return ((trains[first:].mean(0) - offset) / gain).to(trains.dtype)
