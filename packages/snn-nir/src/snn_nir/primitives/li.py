"""Leaky integrator."""

from __future__ import annotations

from snn_core.neuron import NonSpiking
from snn_nir.primitives.leak import LeakyMembrane


class LI(NonSpiking, LeakyMembrane):
    r"""Leaky integrator, :math:`\tau \dot v = (v_{leak} - v) + R\,x`, whose output is v.

    Args:
        tau: Time constant, one per neuron, in the unit of ``dt``.
        r: Resistance R, one per neuron.
        v_leak: Potential at rest, one per neuron. The first step starts at 0 nevertheless.
        dt: Time step.
        method: ``"euler"`` or ``"exact"``.
        **options: Options of :class:`~snn_core.SpikingNeuron` that do not concern spikes.

    Shape:
        input ``[batch, ...]``; output and state the same.

    Raises:
        ValueError: If the method is unknown.

    Example:
        >>> import torch
        >>> one = torch.ones(1)
        >>> LI(tau=2 * one, r=one, v_leak=0 * one, dt=1.0).unroll(torch.ones(3, 1, 1))[0].flatten().tolist()
        [0.5, 0.75, 0.875]

    Source: Pedersen et al., Neuromorphic intermediate representation (2024), table 1.
    """
