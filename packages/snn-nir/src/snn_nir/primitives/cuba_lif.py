"""Leaky integrate-and-fire behind a synaptic current."""

from __future__ import annotations

from snn_nir.primitives.current import SynapticCurrent
from snn_nir.primitives.firing import ResetToValue


class CubaLIF(ResetToValue, SynapticCurrent):
    r"""Current-based leaky integrate-and-fire neuron, reset to :math:`v_{reset}`; its current is never reset.

    .. math:: \tau_{syn} \dot I = -I + w_{in}\,x, \qquad \tau_{mem} \dot v = (v_{leak} - v) + R\,I

    Args:
        tau_syn: Time constant of the current, one per neuron, in the unit of ``dt``.
        tau_mem: Time constant of the membrane; the parameter ``tau``.
        r: Resistance R, one per neuron.
        v_leak: Potential at rest, one per neuron. The first step starts at 0 nevertheless.
        v_threshold: Potential above which the neuron fires, one per neuron.
        v_reset: Potential after a spike, one per neuron; 0 when None.
        w_in: Weight of the input, one per neuron.
        dt: Time step.
        method: ``"euler"`` or ``"exact"``.
        **options: Options of :class:`~snn_nir.primitives.firing.ResetToValue`.

    Shape:
        input ``[batch, ...]``; spikes and states the same.

    Raises:
        ValueError: If the method or the reset is unknown.

    Example:
        >>> import torch
        >>> one = torch.ones(1)
        >>> fields = dict(tau_syn=2 * one, tau_mem=2 * one, r=one, v_leak=0 * one, v_threshold=0.6 * one, w_in=one)
        >>> CubaLIF(**fields, dt=1.0).unroll(torch.ones(4, 1, 1))[0].flatten().tolist()
        [0.0, 0.0, 1.0, 0.0]

    Source: Pedersen et al., Neuromorphic intermediate representation (2024), table 1.
    """
