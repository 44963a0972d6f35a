"""Delta modulation: a spike where the data change fast enough."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_spikegen._arguments import finite
from snn_spikegen._data import floating_dtype, without_nan, working
from snn_spikegen._messages import must


def delta(data: Tensor, threshold: float = 0.1, padding: bool = False, off_spike: bool = False) -> Tensor:
    r"""Return spikes at the steps in which the data rise, and optionally fall, by the threshold or more.

    .. math:: d[t] = x[t] - x[t-1], \qquad S[t] = \Theta(d[t] \ge \vartheta) - \Theta(d[t] \le -\vartheta)

    The second term is there only with ``off_spike=True``.

    Args:
        data: Varying data ``[T, *shape]``, any real dtype.
        threshold: Smallest change that makes a spike, in units of the data, at least 0.
        padding: What comes before the first step: the first step itself, which then never spikes (True), or zeros.
        off_spike: Whether a fall gives a spike of -1.

    Returns:
        Spikes, 1, 0 or -1, ``[T, *shape]``, in the floating dtype of ``data`` (the default dtype for integers).

    Raises:
        TypeError: If ``data`` is not a real tensor, or ``threshold`` not a number.
        ValueError: If ``data`` has no time axis or contains NaN, or ``threshold`` is negative.

    Example:
        >>> import torch
        >>> from snn_spikegen import delta
        >>> delta(torch.tensor([1.0, 3.0, 3.5, 1.0]), threshold=1, off_spike=True)
        tensor([ 1.,  1.,  0., -1.])

    Source: Corradi and Indiveri, A Neuromorphic Event-Based Neural Recording System (2015).
    """
    dtype = floating_dtype(data)
    # Integers in 16 bits would differ by other amounts, or be infinite.
    values = (data if data.is_floating_point() else working(data)).detach()
    if values.dim() == 0:
        raise ValueError(must("data", "have a time axis, [T, *shape]", "a single number"))
    least = finite("threshold", threshold)
    if least < 0:
        raise ValueError(must("threshold", "be at least 0, as the size of a change", threshold))
    without_nan(values)
    change = torch.empty_like(values)
    change[:1] = 0 if padding else values[:1]
    torch.sub(values[1:], values[:-1], out=change[1:])
    rises, falls = change >= least, change <= -least if off_spike else None
    # The spikes overwrite the changes: new memory of this size costs more than the arithmetic.
    spikes = change.copy_(rises)
    spikes = spikes if falls is None else spikes.sub_(falls.to(spikes.dtype))
    return spikes.to(dtype)
