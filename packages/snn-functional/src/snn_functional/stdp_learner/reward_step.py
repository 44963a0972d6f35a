"""Eligibility of synapses for reward-modulated plasticity, in one time step."""

from __future__ import annotations

from torch import Tensor, nn

from snn_functional.stdp_learner._connection import connection
from snn_functional.stdp_learner._trace import REWARDED, Factor, Trace, unchanged


def mstdp_linear_single_step(
    fc: nn.Linear,
    in_spike: Tensor,
    out_spike: Tensor,
    trace_pre: Trace,
    trace_post: Trace,
    tau_pre: float,
    tau_post: float,
    f_pre: Factor = unchanged,
    f_post: Factor = unchanged,
) -> tuple[Tensor, Tensor, Tensor]:
    r"""Return the eligibility of the weights of a linear layer in one time step of reward-modulated STDP.

    .. math::
        x[t] &= e^{-1/\tau_\text{pre}} x[t-1] + s_\text{in}[t], \qquad
        y[t] = e^{-1/\tau_\text{post}} y[t-1] + s_\text{out}[t] \\
        \zeta_{boi} &= f_\text{post}(w_{oi})\, s_\text{out}^{bo} x^{bi} - f_\text{pre}(w_{oi})\, y^{bo} s_\text{in}^{bi}

    A reward r that follows the step changes the weights by :math:`\sum_b r_b \zeta_b`.

    Args:
        fc: The layer between input and output.
        in_spike: Its input spikes ``[batch, in_features]``, any real dtype.
        out_spike: The spikes of the neurons after it ``[batch, out_features]``.
        trace_pre: Trace x before the step: what the last step returned, or a number; None is 0.
        trace_post: Trace y before the step, likewise.
        tau_pre: Time constant of x in steps, positive.
        tau_post: Time constant of y in steps, positive.
        f_pre: Scale of depression, an elementwise function of the weights.
        f_post: Scale of potentiation, an elementwise function of the weights.

    Returns:
        Both traces after the step, and the eligibility ``[batch, out_features, in_features]``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If a shape, device or time constant does not fit.

    Example:
        >>> import torch
        >>> from snn_functional.stdp_learner import mstdp_linear_single_step
        >>> fc, spikes = nn.Linear(3, 2), (torch.ones(4, 3), torch.zeros(4, 2))
        >>> mstdp_linear_single_step(fc, *spikes, None, None, 2.0, 2.0)[2].shape
        torch.Size([4, 2, 3])

    Source: Florian, Reinforcement Learning Through Modulation of Spike-Timing-Dependent Synaptic Plasticity (2007).
    """
    synapses = connection(fc, "fc", nn.Linear)
    return REWARDED.step(synapses, in_spike, out_spike, trace_pre, trace_post, tau_pre, tau_post, f_pre, f_post)


def mstdp_conv1d_single_step(
    conv: nn.Conv1d,
    in_spike: Tensor,
    out_spike: Tensor,
    trace_pre: Trace,
    trace_post: Trace,
    tau_pre: float,
    tau_post: float,
    f_pre: Factor = unchanged,
    f_post: Factor = unchanged,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the eligibility of the weights of a one-dimensional convolution, like :func:`mstdp_linear_single_step`.

    Args:
        conv: The layer between input and output.
        in_spike: Its input spikes ``[batch, in_channels, length]``, any real dtype.
        out_spike: The spikes of the neurons after it ``[batch, out_channels, length_out]``.
        trace_pre: Trace of the padded input before the step: what the last step returned, or a number; None is 0.
        trace_post: Trace of the output before the step, likewise.
        tau_pre: Time constant of ``trace_pre`` in steps, positive.
        tau_post: Time constant of ``trace_post`` in steps, positive.
        f_pre: Scale of depression, an elementwise function of the weights.
        f_post: Scale of potentiation, an elementwise function of the weights.

    Returns:
        Both traces after the step, and the eligibility ``[batch, *conv.weight.shape]``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If a shape, device or time constant does not fit.

    Example:
        >>> import torch
        >>> from snn_functional.stdp_learner import mstdp_conv1d_single_step
        >>> conv, spikes = nn.Conv1d(2, 3, 3), (torch.ones(4, 2, 7), torch.ones(4, 3, 5))
        >>> mstdp_conv1d_single_step(conv, *spikes, None, None, 2.0, 2.0)[2].shape
        torch.Size([4, 3, 2, 3])

    Source: Florian, Reinforcement Learning Through Modulation of Spike-Timing-Dependent Synaptic Plasticity (2007).
    """
    synapses = connection(conv, "conv", nn.Conv1d)
    return REWARDED.step(synapses, in_spike, out_spike, trace_pre, trace_post, tau_pre, tau_post, f_pre, f_post)


def mstdp_conv2d_single_step(
    conv: nn.Conv2d,
    in_spike: Tensor,
    out_spike: Tensor,
    trace_pre: Trace,
    trace_post: Trace,
    tau_pre: float,
    tau_post: float,
    f_pre: Factor = unchanged,
    f_post: Factor = unchanged,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the eligibility of the weights of a two-dimensional convolution, like :func:`mstdp_linear_single_step`.

    Args:
        conv: The layer between input and output.
        in_spike: Its input spikes ``[batch, in_channels, height, width]``, any real dtype.
        out_spike: The spikes of the neurons after it ``[batch, out_channels, height_out, width_out]``.
        trace_pre: Trace of the padded input before the step: what the last step returned, or a number; None is 0.
        trace_post: Trace of the output before the step, likewise.
        tau_pre: Time constant of ``trace_pre`` in steps, positive.
        tau_post: Time constant of ``trace_post`` in steps, positive.
        f_pre: Scale of depression, an elementwise function of the weights.
        f_post: Scale of potentiation, an elementwise function of the weights.

    Returns:
        Both traces after the step, and the eligibility ``[batch, *conv.weight.shape]``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If a shape, device or time constant does not fit.

    Example:
        >>> import torch
        >>> from snn_functional.stdp_learner import mstdp_conv2d_single_step
        >>> conv, spikes = nn.Conv2d(2, 3, 3), (torch.ones(4, 2, 5, 5), torch.ones(4, 3, 3, 3))
        >>> mstdp_conv2d_single_step(conv, *spikes, None, None, 2.0, 2.0)[2].shape
        torch.Size([4, 3, 2, 3, 3])

    Source: Florian, Reinforcement Learning Through Modulation of Spike-Timing-Dependent Synaptic Plasticity (2007).
    """
    synapses = connection(conv, "conv", nn.Conv2d)
    return REWARDED.step(synapses, in_spike, out_spike, trace_pre, trace_post, tau_pre, tau_post, f_pre, f_post)
