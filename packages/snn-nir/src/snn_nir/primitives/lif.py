"""Leaky integrate-and-fire."""

from __future__ import annotations

from snn_nir.primitives.firing import ResetToValue
from snn_nir.primitives.leak import LeakyMembrane


class LIF(ResetToValue, LeakyMembrane):
    r"""Leaky integrate-and-fire neuron: :math:`\tau \dot v = (v_{leak} - v) + R\,x`, reset to :math:`v_{reset}`.

    Args:
        tau: Time constant, one per neuron, in the unit of ``dt``.
        r: Resistance R, one per neuron.
        v_leak: Potential at rest, one per neuron. The first step starts at 0 nevertheless.
        v_threshold: Potential above which the neuron fires, one per neuron.
        v_reset: Potential after a spike, one per neuron; 0 when None.
        dt: Time step.
        method: ``"euler"`` or ``"exact"``.
        **options: Options of :class:`~snn_nir.primitives.firing.ResetToValue`.

    Shape:
        input ``[batch, ...]``; spikes and state the same.

    Raises:
        ValueError: If the method or the reset is unknown.

    Example:
        >>> import torch
        >>> one = torch.ones(1)
        >>> neuron = LIF(tau=2 * one, r=one, v_leak=0 * one, v_threshold=0.6 * one, dt=1.0)
        >>> neuron.unroll(torch.ones(4, 1, 1))[0].flatten().tolist()
        [0.0, 1.0, 0.0, 1.0]

    Source: Pedersen et al., Neuromorphic intermediate representation (2024), table 1.
    """
