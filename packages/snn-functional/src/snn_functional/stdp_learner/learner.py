"""Spike-timing-dependent plasticity of a layer in a net."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from snn_functional._numbers import finite
from snn_functional.stdp_learner._spike_learner import SpikeLearner
from snn_functional.stdp_learner._trace import PLAIN


class STDPLearner(SpikeLearner):
    r"""A learner of the weights of a layer by STDP, from the activity of its net.

    The learner records the input spikes of ``synapse`` and the output spikes of ``sn``. :meth:`step` then returns the
    change of the weights over all time steps since its last call, by the rule of
    :func:`~snn_functional.stdp_learner.stdp_linear_single_step` (or its convolutions), with the current weights. Traces
    continue from call to call until :meth:`reset`. Records and changes are outside the autograd graph.

    Args:
        synapse: The layer, ``nn.Linear``, ``nn.Conv1d`` or ``nn.Conv2d``.
        sn: The neurons after it; if there are several outputs, the first is the spikes.
        tau_pre: Time constant of the trace of the input in steps, at least 1.
        tau_post: Time constant of the trace of the output in steps, at least 1.
        f_pre: Scale of depression, an elementwise function of the weights.
        f_post: Scale of potentiation, an elementwise function of the weights.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If a time constant is out of range.

    Example:
        >>> from torch import nn
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2, bias=False), snn.Leaky(beta=0.9, threshold=0.1, init_hidden=True))
        >>> learner = STDPLearner(net[0], net[1], 2.0, 2.0, f_pre=lambda w: 0.0, f_post=lambda w: 1 - w)
        >>> optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        >>> _ = net[0].weight.data.fill_(0.5)
        >>> _ = snn.unroll(net, torch.ones(1, 1, 3))
        >>> learner.step()
        >>> optimizer.step()
        >>> net[0].weight.data
        tensor([[0.5500, 0.5500, 0.5500],
                [0.5500, 0.5500, 0.5500]])

    Source: Morrison, Diesmann and Gerstner, Phenomenological models of synaptic plasticity based on spike timing
    (2008).
    """

    _rule = PLAIN

    @torch.no_grad()
    def step(self, on_grad: bool = True, scale: float = 1.0) -> Tensor | None:
        """Learn from the time steps since the last call.

        Args:
            on_grad: Subtract the change from ``synapse.weight.grad``, so that an optimizer's step adds it to the
                weights (True), or return it (False).
            scale: Factor of the change, finite.

        Returns:
            None, or with ``on_grad=False`` the change of the weights.

        Raises:
            RuntimeError: If no time step was recorded.
            ValueError: If the synapse and its neurons were not called equally often, shapes do not fit, or the weights
                are computed, as by a parametrization or pruning, and have no gradient of their own.
        """
        factor = finite("scale", scale)
        self._checked_steps(on_grad)
        weight: Any = self.synapse.weight
        return self._hand_over(sum(self._changes(), torch.zeros_like(weight)), on_grad, factor)
