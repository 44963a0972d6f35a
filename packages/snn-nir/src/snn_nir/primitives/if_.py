"""Integrate-and-fire."""

from __future__ import annotations

from snn_nir.primitives.firing import ResetToValue
from snn_nir.primitives.integrator import Integrating


class IF(ResetToValue, Integrating):
    r"""Integrate-and-fire neuron: :math:`\dot v = R\,x`, spikes above the threshold, reset to :math:`v_{reset}`.

    Args:
        r: Resistance R, one per neuron.
        v_threshold: Potential above which the neuron fires, one per neuron.
        v_reset: Potential after a spike, one per neuron; 0 when None.
        dt: Time step, in the unit of time that ``r`` is meant in.
        **options: Options of :class:`~snn_nir.primitives.firing.ResetToValue`.

    Shape:
        input ``[batch, ...]``; spikes and state the same.

    Example:
        >>> import torch
        >>> neuron = IF(r=torch.ones(1), v_threshold=torch.ones(1), dt=1.0)
        >>> neuron.unroll(torch.full((4, 1, 1), 0.75))[0].flatten().tolist()
        [0.0, 1.0, 0.0, 1.0]

    Source: Pedersen et al., Neuromorphic intermediate representation (2024), table 1.
    """
