"""Leaky integrator behind a synaptic current."""

from __future__ import annotations

from snn_core.neuron import NonSpiking
from snn_nir.primitives.current import SynapticCurrent


class CubaLI(NonSpiking, SynapticCurrent):
    r"""Current-based leaky integrator, whose output is v.

    .. math:: \tau_{syn} \dot I = -I + w_{in}\,x, \qquad \tau_{mem} \dot v = (v_{leak} - v) + R\,I

    Args:
        tau_syn: Time constant of the current, one per neuron, in the unit of ``dt``.
        tau_mem: Time constant of the membrane; the parameter ``tau``.
        r: Resistance R, one per neuron.
        v_leak: Potential at rest, one per neuron. The first step starts at 0 nevertheless.
        w_in: Weight of the input, one per neuron.
        dt: Time step.
        method: ``"euler"`` or ``"exact"``.
        **options: Options of :class:`~snn_core.SpikingNeuron` that do not concern spikes.

    Shape:
        input ``[batch, ...]``; output and states the same.

    Raises:
        ValueError: If the method is unknown.

    Example:
        >>> import torch
        >>> one = torch.ones(1)
        >>> neuron = CubaLI(tau_syn=2 * one, tau_mem=2 * one, r=one, v_leak=0 * one, w_in=one, dt=1.0)
        >>> neuron.unroll(torch.ones(3, 1, 1))[0].flatten().tolist()
        [0.25, 0.5, 0.6875]

    Source: Pedersen et al., Neuromorphic intermediate representation (2024), table 1.
    """
