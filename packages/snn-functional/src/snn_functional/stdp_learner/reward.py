"""Reward-modulated spike-timing-dependent plasticity of a layer in a net."""

from __future__ import annotations

from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn

from snn_functional._device_checks import is_any
from snn_functional._messages import must
from snn_functional._numbers import finite
from snn_functional._precision import full_precision
from snn_functional.stdp_learner._spike_learner import SpikeLearner
from snn_functional.stdp_learner._trace import REWARDED, Factor, exponential_decay, unchanged
from snn_functional.stdp_learner.single_step import eligibility_trace


class MSTDPLearner(SpikeLearner):
    r"""A learner of the weights of a layer by STDP that a reward modulates.

    .. math:: \Delta w = \sum_t \sum_b r_b[t]\, \zeta_b[t]

    with the eligibility :math:`\zeta` of :func:`~snn_functional.stdp_learner.mstdp_linear_single_step` (or its
    convolutions). The reward r is the one that follows a time step: call :meth:`step` after each step, or after several
    with one reward for all or one for each. Recording, reset and the autograd graph are as in
    :class:`~snn_functional.stdp_learner.STDPLearner`.

    Args:
        synapse: The layer, ``nn.Linear``, ``nn.Conv1d`` or ``nn.Conv2d``; its input has a batch axis.
        sn: The neurons after it; if there are several outputs, the first is the spikes.
        tau_pre: Time constant of the trace of the input in steps, positive.
        tau_post: Time constant of the trace of the output in steps, positive.
        f_pre: Scale of depression, an elementwise function of the weights.
        f_post: Scale of potentiation, an elementwise function of the weights.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If a time constant is out of range.

    Example:
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2, bias=False), snn.Leaky(beta=0.9, threshold=0.1, init_hidden=True))
        >>> _ = net[0].weight.data.fill_(0.5)
        >>> learner = MSTDPLearner(net[0], net[1], 2.0, 2.0, f_pre=lambda w: 0.0, f_post=lambda w: 1.0)
        >>> _ = snn.unroll(net, torch.ones(1, 2, 3))
        >>> learner.step(torch.tensor([1.0, -3.0]), on_grad=False)
        tensor([[-2., -2., -2.],
                [-2., -2., -2.]])

    Source: Florian, Reinforcement Learning Through Modulation of Spike-Timing-Dependent Synaptic Plasticity (2007).
    """

    _rule = REWARDED

    @torch.no_grad()
    def step(self, reward: float | Tensor, on_grad: bool = True, scale: float = 1.0) -> Tensor | None:
        """Learn from the time steps since the last call.

        Args:
            reward: A finite number, one for each sample ``[batch]``, or one for each recorded time step ``[T, batch]``.
            on_grad: Subtract the change from ``synapse.weight.grad``, so that an optimizer's step adds it to the
                weights (True), or return it (False).
            scale: Factor of the change, finite.

        Returns:
            None, or with ``on_grad=False`` the change of the weights.

        Raises:
            RuntimeError: If no time step was recorded.
            TypeError: If ``reward`` is neither a number nor a real tensor.
            ValueError: If a shape or device does not fit, a reward is not finite, the synapse and its neurons were not
                called equally often, or the weights are computed, as by a parametrization or pruning, and have no
                gradient of their own.
        """
        factor = finite("scale", scale)
        steps = self._checked_steps(on_grad)
        weight: Any = self.synapse.weight
        in_spike = self.in_spike_monitor[""][0]
        if in_spike.dim() != weight.dim():  # for a convolution, both have two axes and the spatial ones
            raise ValueError(
                must(
                    "in_spike",
                    "have one batch axis before its features, as a reward belongs to a sample",
                    f"shape {tuple(in_spike.shape)} for {self.synapse}",
                )
            )
        rewards = _rewards(reward, steps, len(in_spike), weight)
        change = torch.zeros_like(weight)
        for r, eligibility in zip(rewards, self._changes(), strict=True):
            with full_precision(weight.device.type):
                change = change + torch.tensordot(r, self._remembered(eligibility), 1)
        return self._hand_over(change, on_grad, factor)

    def _remembered(self, eligibility: Tensor) -> Tensor:
        return eligibility


class MSTDPETLearner(MSTDPLearner):
    r"""A learner of the weights of a layer by STDP that a late reward modulates.

    .. math:: \Delta w = \sum_t \sum_b r_b[t]\, z_b[t], \qquad z[t] = e^{-1/\tau_z} z[t-1] + \zeta[t] / \tau_z

    Like :class:`~snn_functional.stdp_learner.MSTDPLearner`, with a trace z of the eligibility, so that a reward acts on
    events some time before it.

    Args:
        synapse: The layer, ``nn.Linear``, ``nn.Conv1d`` or ``nn.Conv2d``; its input has a batch axis.
        sn: The neurons after it; if there are several outputs, the first is the spikes.
        tau_pre: Time constant of the trace of the input in steps, positive.
        tau_post: Time constant of the trace of the output in steps, positive.
        tau_trace: Time constant of the trace of the eligibility in steps, positive.
        f_pre: Scale of depression, an elementwise function of the weights.
        f_post: Scale of potentiation, an elementwise function of the weights.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If a time constant is out of range.

    Example:
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> learner = MSTDPETLearner(net[0], net[1], tau_pre=2.0, tau_post=2.0, tau_trace=5.0)
        >>> _ = snn.unroll(net, torch.ones(4, 2, 3))
        >>> learner.step(reward=1.0, on_grad=False).shape
        torch.Size([2, 3])

    Source: Florian, Reinforcement Learning Through Modulation of Spike-Timing-Dependent Synaptic Plasticity (2007).
    """

    def __init__(
        self,
        synapse: nn.Module,
        sn: nn.Module,
        tau_pre: float,
        tau_post: float,
        tau_trace: float,
        f_pre: Factor = unchanged,
        f_post: Factor = unchanged,
    ) -> None:
        super().__init__(synapse, sn, tau_pre, tau_post, f_pre, f_post)
        exponential_decay("tau_trace", tau_trace)
        self.tau_trace = tau_trace
        self.trace_e: Tensor | None = None

    def reset(self) -> None:
        """Forget traces and recorded spikes; call it wherever the net is reset."""
        super().reset()
        self.trace_e = None

    def _remembered(self, eligibility: Tensor) -> Tensor:
        self.trace_e = eligibility_trace(self.trace_e, eligibility, self.tau_trace)
        return self.trace_e


def _rewards(reward: Any, steps: int, batch: int, weight: Tensor) -> Tensor:
    """Return rewards ``[T, batch]``, with the dtype and on the device of the weights."""
    if isinstance(reward, Real):
        number = finite("reward", +reward)  # True is 1
        return torch.full((steps, batch), number, dtype=weight.dtype, device=weight.device)
    if not isinstance(reward, Tensor) or reward.is_complex():
        kind = reward.dtype if isinstance(reward, Tensor) else type(reward).__name__
        raise TypeError(must("reward", "be a number or a real tensor", kind))
    if reward.shape not in ((), (batch,), (steps, batch)):
        raise ValueError(
            must(
                "reward",
                f"be a number, or have shape [{batch}] or [{steps}, {batch}] for {steps} recorded steps of {batch} "
                "samples",
                f"shape {tuple(reward.shape)}",
            )
        )
    if reward.device != weight.device:
        raise ValueError(
            must("reward", f"be on {weight.device} like the weights", reward.device, "pass reward.to(weight.device)")
        )
    wrong = ~reward.isfinite()
    if is_any(wrong, "reward must be finite"):
        raise ValueError(must("reward", "be finite", float(reward[wrong][0])))
    return reward.to(weight.dtype).expand(steps, batch)
