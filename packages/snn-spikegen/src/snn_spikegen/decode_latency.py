"""Decoding of spikes by the time of the first one: the inverse of ``latency``."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_spikegen._arguments import first_step
from snn_spikegen._data import floating_dtype, spike_trains
from snn_spikegen._device_checks import is_any
from snn_spikegen._messages import fault, must
from snn_spikegen.latency_code import constants


def decode_latency(
    spikes: Tensor,
    threshold: float = 0.01,
    tau: float = 1,
    first_spike_time: int = 0,
    normalize: bool = False,
    linear: bool = False,
) -> Tensor:
    r"""Return the value whose latency is the time of the first spike.

    .. math:: \hat x = \frac{\vartheta}{1 - e^{-k / \tau}} \text{ (logarithmic)}, \qquad
        \hat x = 1 - \frac{k}{\tau} \text{ (linear)}, \qquad k = t_\text{first} - f

    clamped to [0, 1]; a neuron that never fires comes back as 0. Spikes of ``latency`` with the same arguments and
    ``x >= threshold`` (logarithmic: ``threshold + epsilon``) come back with an error of half a step:

    - linear: ``|xhat - x| <= 1 / (2 tau)``, with ``normalize=True`` ``1 / (2 (T - 1 - f))``;
    - logarithmic, and k >= 1: ``|xhat - x| <= xhat / (2 k - 1)``; a spike at k = 0 comes back as 1 and tells only that
      ``x >= threshold / (1 - exp(-1 / (2 tau)))``.

    A value below the threshold comes back as the threshold would, or as 0 if it was clipped.

    Args:
        spikes: Spikes, 0 or 1, ``[T, *shape]``, any real dtype; spikes after the first one of a neuron do not count.
        threshold: Threshold of the code, in (0, 1).
        tau: Time constant in steps, above 0.
        first_spike_time: Step f of the earliest spike.
        normalize: Whether the code was normalized; only with ``linear=True``.
        linear: Whether the code was linear rather than logarithmic.

    Returns:
        Values in [0, 1], ``[*shape]``, in the floating dtype of ``spikes`` (the default dtype for integers).

    Raises:
        TypeError: If ``spikes`` is not a real tensor, ``first_spike_time`` not an int, or another argument not a
            number.
        ValueError: If ``spikes`` have no steps, are not 0 or 1, or come before ``first_spike_time``, if an argument is
            out of range, or ``normalize=True`` is given with the logarithmic code, whose stretch is not in the spikes.

    Example:
        >>> import torch
        >>> from snn_spikegen import decode_latency, latency
        >>> spk = latency(torch.tensor([0.02, 0.5, 1.0]), num_steps=5, normalize=True, linear=True)
        >>> decode_latency(spk, normalize=True, linear=True)
        tensor([0.0000, 0.5000, 1.0000])

    Source: the inverses of ``latency_code_log`` and ``latency_code_linear``.
    """
    trains = spike_trains(spikes).detach()
    steps = trains.shape[0]
    threshold, tau = constants(threshold, tau)
    first = first_step(first_spike_time, steps)
    if normalize and not linear:
        raise ValueError(
            fault(
                "normalize is True for a logarithmic code, which stretches each sample by its latest value, and "
                "spikes do not tell by how much",
                "encode with normalize=False, or with linear=True",
            )
        )
    if normalize and first == steps - 1:
        raise ValueError(
            must(
                "spikes",
                f"have a step after first_spike_time={first}, so that normalize=True can tell values apart",
                f"{steps} steps",
            )
        )
    fires, step = trains.max(0)
    since = (step - first).to(torch.promote_types(trains.dtype, torch.float32))
    fires = fires > 0
    problem = f"spikes come before first_spike_time={first}"
    if is_any(fires & (since < 0), problem):
        raise ValueError(fault(problem, "pass the first_spike_time they were encoded with"))
    if linear:
        values = 1 - since / (steps - 1 - first if normalize else tau)
    else:
        values = threshold / -torch.expm1(-since / tau)
    return values.clamp_(0, 1).masked_fill_(~fires, 0).to(floating_dtype(spikes))
