"""Spike-timing-dependent plasticity of one time step."""

from __future__ import annotations

from torch import Tensor, nn

from snn_functional.stdp_learner._connection import connection
from snn_functional.stdp_learner._trace import PLAIN, Factor, Trace, unchanged


def stdp_linear_single_step(
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
    r"""Return the change of the weights of a linear layer by one time step of pair-based STDP with traces.

    .. math::
        x[t] &= (1 - 1/\tau_\text{pre})\, x[t-1] + s_\text{in}[t], \qquad
        y[t] = (1 - 1/\tau_\text{post})\, y[t-1] + s_\text{out}[t] \\
        \Delta w_{oi} &= f_\text{post}(w_{oi}) \sum_b s_\text{out}^{bo} x^{bi}
            - f_\text{pre}(w_{oi}) \sum_b y^{bo} s_\text{in}^{bi}

    The weights are not changed; the bias takes no part.

    Args:
        fc: The layer between input and output.
        in_spike: Its input spikes ``[batch, in_features]``, any real dtype.
        out_spike: The spikes of the neurons after it ``[batch, out_features]``.
        trace_pre: Trace x before the step: what the last step returned, or a number; None is 0.
        trace_post: Trace y before the step, likewise.
        tau_pre: Time constant of x in steps, at least 1.
        tau_post: Time constant of y in steps, at least 1.
        f_pre: Scale of depression, an elementwise function of the weights.
        f_post: Scale of potentiation, an elementwise function of the weights.

    Returns:
        Both traces after the step, and the change of the weights ``[out_features, in_features]``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If a shape, device or time constant does not fit.

    Example:
        >>> import torch
        >>> from snn_functional.stdp_learner import stdp_linear_single_step
        >>> fc, one = nn.Linear(1, 1), lambda w: 1.0
        >>> fires, silent = torch.ones(1, 1), torch.zeros(1, 1)
        >>> x, y, _ = stdp_linear_single_step(fc, fires, silent, None, None, 2.0, 2.0, one, one)
        >>> stdp_linear_single_step(fc, silent, fires, x, y, 2.0, 2.0, one, one)[2]  # pre before post
        tensor([[0.5000]])

    Source: Morrison, Diesmann and Gerstner, Phenomenological models of synaptic plasticity based on spike timing
    (2008).
    """
    synapses = connection(fc, "fc", nn.Linear)
    return PLAIN.step(synapses, in_spike, out_spike, trace_pre, trace_post, tau_pre, tau_post, f_pre, f_post)


def stdp_conv1d_single_step(
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
    r"""Return the change of the weights of a one-dimensional convolution by one time step of STDP.

    It is the change of :func:`stdp_linear_single_step`, summed over the positions of a weight, for any stride, padding,
    dilation and number of groups.

    Args:
        conv: The layer between input and output.
        in_spike: Its input spikes ``[batch, in_channels, length]``, any real dtype.
        out_spike: The spikes of the neurons after it ``[batch, out_channels, length_out]``.
        trace_pre: Trace of the padded input before the step: what the last step returned, or a number; None is 0.
        trace_post: Trace of the output before the step, likewise.
        tau_pre: Time constant of ``trace_pre`` in steps, at least 1.
        tau_post: Time constant of ``trace_post`` in steps, at least 1.
        f_pre: Scale of depression, an elementwise function of the weights.
        f_post: Scale of potentiation, an elementwise function of the weights.

    Returns:
        Both traces after the step, and the change of the weights, of their shape.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If a shape, device or time constant does not fit.

    Example:
        >>> import torch
        >>> from snn_functional.stdp_learner import stdp_conv1d_single_step
        >>> conv, one = nn.Conv1d(1, 1, 2), lambda w: 1.0
        >>> spikes = torch.tensor([[[1.0, 0.0, 1.0]]])
        >>> stdp_conv1d_single_step(conv, spikes, torch.ones(1, 1, 2), None, 0.5, 2.0, 2.0, one, one)[2]
        tensor([[[-0.2500, -0.2500]]])

    Source: Kheradpisheh et al., STDP-based spiking deep convolutional neural networks for object recognition (2018).
    """
    synapses = connection(conv, "conv", nn.Conv1d)
    return PLAIN.step(synapses, in_spike, out_spike, trace_pre, trace_post, tau_pre, tau_post, f_pre, f_post)


def stdp_conv2d_single_step(
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
    r"""Return the change of the weights of a two-dimensional convolution by one time step of STDP.

    It is the change of :func:`stdp_linear_single_step`, summed over the positions of a weight, for any stride, padding,
    dilation and number of groups.

    Args:
        conv: The layer between input and output.
        in_spike: Its input spikes ``[batch, in_channels, height, width]``, any real dtype.
        out_spike: The spikes of the neurons after it ``[batch, out_channels, height_out, width_out]``.
        trace_pre: Trace of the padded input before the step: what the last step returned, or a number; None is 0.
        trace_post: Trace of the output before the step, likewise.
        tau_pre: Time constant of ``trace_pre`` in steps, at least 1.
        tau_post: Time constant of ``trace_post`` in steps, at least 1.
        f_pre: Scale of depression, an elementwise function of the weights.
        f_post: Scale of potentiation, an elementwise function of the weights.

    Returns:
        Both traces after the step, and the change of the weights, of their shape.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If a shape, device or time constant does not fit.

    Example:
        >>> import torch
        >>> from snn_functional.stdp_learner import stdp_conv2d_single_step
        >>> conv = nn.Conv2d(2, 3, 3, padding=1)
        >>> spikes = torch.ones(4, 2, 5, 5), torch.ones(4, 3, 5, 5)
        >>> stdp_conv2d_single_step(conv, *spikes, None, None, 2.0, 2.0)[2].shape
        torch.Size([3, 2, 3, 3])

    Source: Kheradpisheh et al., STDP-based spiking deep convolutional neural networks for object recognition (2018).
    """
    synapses = connection(conv, "conv", nn.Conv2d)
    return PLAIN.step(synapses, in_spike, out_spike, trace_pre, trace_post, tau_pre, tau_post, f_pre, f_post)
