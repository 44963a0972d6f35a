"""Spike-timing-dependent plasticity of one time step, plain or for a reward, under snnTorch's names."""

from __future__ import annotations

from torch import Tensor, nn

from snn_functional._messages import must
from snn_functional.stdp_learner._connection import connection
from snn_functional.stdp_learner._trace import PLAIN, REWARDED, Factor, Trace, exponential_decay, unchanged


def stdp_linear_single_step(
    fc: nn.Linear, in_spike: Tensor, out_spike: Tensor, trace_pre: Trace, trace_post: Trace,
    tau_pre: float, tau_post: float, f_pre: Factor = unchanged, f_post: Factor = unchanged,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
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


def stdp_conv1d_single_step(  # noqa: D417
    conv: nn.Conv1d, in_spike: Tensor, out_spike: Tensor, trace_pre: Trace, trace_post: Trace,
    tau_pre: float, tau_post: float, f_pre: Factor = unchanged, f_post: Factor = unchanged,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Return the change of the weights of a one-dimensional convolution by one time step of STDP.

    It is that of :func:`stdp_linear_single_step`, summed over the positions of a weight; input traces include padding.

    Args:
        conv: The layer between input and output, with any stride, padding, dilation and number of groups.
        in_spike: Its input spikes ``[batch, in_channels, length]``, any real dtype.
        out_spike: The spikes of the neurons after it ``[batch, out_channels, length_out]``.
        trace_pre, trace_post, tau_pre, tau_post, f_pre, f_post: As in :func:`stdp_linear_single_step`.

    Returns:
        Both traces after the step, and the change of the weights, of their shape.

    Example:
        >>> import torch
        >>> from snn_functional.stdp_learner import stdp_conv1d_single_step
        >>> conv, one = nn.Conv1d(1, 1, 2), lambda w: 1.0
        >>> spikes = torch.tensor([[[1.0, 0.0, 1.0]]])
        >>> stdp_conv1d_single_step(conv, spikes, torch.ones(1, 1, 2), None, 0.5, 2.0, 2.0, one, one)[2]
        tensor([[[-0.2500, -0.2500]]])
    """
    synapses = connection(conv, "conv", nn.Conv1d)
    return PLAIN.step(synapses, in_spike, out_spike, trace_pre, trace_post, tau_pre, tau_post, f_pre, f_post)


def stdp_conv2d_single_step(  # noqa: D417
    conv: nn.Conv2d, in_spike: Tensor, out_spike: Tensor, trace_pre: Trace, trace_post: Trace,
    tau_pre: float, tau_post: float, f_pre: Factor = unchanged, f_post: Factor = unchanged,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Return the change of the weights of a two-dimensional convolution by one time step of STDP.

    It is that of :func:`stdp_linear_single_step`, summed over the positions of a weight; input traces include padding.

    Args:
        conv: The layer between input and output, with any stride, padding, dilation and number of groups.
        in_spike: Its input spikes ``[batch, in_channels, height, width]``, any real dtype.
        out_spike: The spikes of the neurons after it ``[batch, out_channels, height_out, width_out]``.
        trace_pre, trace_post, tau_pre, tau_post, f_pre, f_post: As in :func:`stdp_linear_single_step`.

    Returns:
        Both traces after the step, and the change of the weights, of their shape.

    Example:
        >>> import torch
        >>> from snn_functional.stdp_learner import stdp_conv2d_single_step
        >>> conv, spikes = nn.Conv2d(2, 3, 3, padding=1), (torch.ones(4, 2, 5, 5), torch.ones(4, 3, 5, 5))
        >>> stdp_conv2d_single_step(conv, *spikes, None, None, 2.0, 2.0)[2].shape
        torch.Size([3, 2, 3, 3])
    """
    synapses = connection(conv, "conv", nn.Conv2d)
    return PLAIN.step(synapses, in_spike, out_spike, trace_pre, trace_post, tau_pre, tau_post, f_pre, f_post)


def mstdp_linear_single_step(  # noqa: D417
    fc: nn.Linear, in_spike: Tensor, out_spike: Tensor, trace_pre: Trace, trace_post: Trace,
    tau_pre: float, tau_post: float, f_pre: Factor = unchanged, f_post: Factor = unchanged,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
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
        trace_pre, trace_post, tau_pre, tau_post, f_pre, f_post: As in :func:`stdp_linear_single_step`; time constants
            may be below 1.

    Returns:
        Both traces after the step, and the eligibility ``[batch, out_features, in_features]``.

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


def mstdp_conv1d_single_step(  # noqa: D417
    conv: nn.Conv1d, in_spike: Tensor, out_spike: Tensor, trace_pre: Trace, trace_post: Trace,
    tau_pre: float, tau_post: float, f_pre: Factor = unchanged, f_post: Factor = unchanged,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Return the eligibility of the weights of a one-dimensional convolution in one time step.

    It is that of :func:`mstdp_linear_single_step`, summed over the positions of a weight.

    Args:
        conv: The layer between input and output, with any stride, padding, dilation and number of groups.
        in_spike: Its input spikes ``[batch, in_channels, length]``, any real dtype.
        out_spike: The spikes of the neurons after it ``[batch, out_channels, length_out]``.
        trace_pre, trace_post, tau_pre, tau_post, f_pre, f_post: As in :func:`mstdp_linear_single_step`.

    Returns:
        Both traces after the step, and the eligibility ``[batch, *conv.weight.shape]``.

    Example:
        >>> import torch
        >>> from snn_functional.stdp_learner import mstdp_conv1d_single_step
        >>> conv, spikes = nn.Conv1d(2, 3, 3), (torch.ones(4, 2, 7), torch.ones(4, 3, 5))
        >>> mstdp_conv1d_single_step(conv, *spikes, None, None, 2.0, 2.0)[2].shape
        torch.Size([4, 3, 2, 3])
    """
    synapses = connection(conv, "conv", nn.Conv1d)
    return REWARDED.step(synapses, in_spike, out_spike, trace_pre, trace_post, tau_pre, tau_post, f_pre, f_post)


def mstdp_conv2d_single_step(  # noqa: D417
    conv: nn.Conv2d, in_spike: Tensor, out_spike: Tensor, trace_pre: Trace, trace_post: Trace,
    tau_pre: float, tau_post: float, f_pre: Factor = unchanged, f_post: Factor = unchanged,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Return the eligibility of the weights of a two-dimensional convolution in one time step.

    It is that of :func:`mstdp_linear_single_step`, summed over the positions of a weight.

    Args:
        conv: The layer between input and output, with any stride, padding, dilation and number of groups.
        in_spike: Its input spikes ``[batch, in_channels, height, width]``, any real dtype.
        out_spike: The spikes of the neurons after it ``[batch, out_channels, height_out, width_out]``.
        trace_pre, trace_post, tau_pre, tau_post, f_pre, f_post: As in :func:`mstdp_linear_single_step`.

    Returns:
        Both traces after the step, and the eligibility ``[batch, *conv.weight.shape]``.

    Example:
        >>> import torch
        >>> from snn_functional.stdp_learner import mstdp_conv2d_single_step
        >>> conv, spikes = nn.Conv2d(2, 3, 3), (torch.ones(4, 2, 5, 5), torch.ones(4, 3, 3, 3))
        >>> mstdp_conv2d_single_step(conv, *spikes, None, None, 2.0, 2.0)[2].shape
        torch.Size([4, 3, 2, 3, 3])
    """
    synapses = connection(conv, "conv", nn.Conv2d)
    return REWARDED.step(synapses, in_spike, out_spike, trace_pre, trace_post, tau_pre, tau_post, f_pre, f_post)


def mstdpet_linear_single_step(  # noqa: D417
    fc: nn.Linear, in_spike: Tensor, out_spike: Tensor, trace_pre: Trace, trace_post: Trace,
    tau_pre: float, tau_post: float, tau_trace: float, f_pre: Factor = unchanged, f_post: Factor = unchanged,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    r"""Return the eligibility of the weights of a linear layer, for a reward that acts through an eligibility trace.

    It is the same as in :func:`mstdp_linear_single_step`; :func:`eligibility_trace` then accumulates it with
    ``tau_trace``, which is not used in this step.

    Args:
        fc: The layer between input and output.
        in_spike: Its input spikes ``[in_features]`` or ``[batch, in_features]``, any real dtype.
        out_spike: The spikes of the neurons after it ``[out_features]`` or ``[batch, out_features]``.
        trace_pre, trace_post, tau_pre, tau_post, f_pre, f_post: As in :func:`mstdp_linear_single_step`.
        tau_trace: Time constant of the eligibility trace in steps, positive.

    Returns:
        Both traces after the step, and the eligibility, ``[out_features, in_features]`` or with a batch axis in front.

    Example:
        >>> import torch
        >>> from snn_functional.stdp_learner import eligibility_trace, mstdpet_linear_single_step
        >>> spikes, traces, taus, one = (torch.ones(1), torch.zeros(1)), (2.0, 3.0), (1.0, 1.0, 5.0), lambda w: 1.0
        >>> x, y, zeta = mstdpet_linear_single_step(nn.Linear(1, 1), *spikes, *traces, *taus, one, one)
        >>> zeta  # -3 / e
        tensor([[-1.1036]])
        >>> eligibility_trace(None, zeta, tau_trace=5.0)
        tensor([[-0.2207]])
    """
    exponential_decay("tau_trace", tau_trace)
    synapses = connection(fc, "fc", nn.Linear)
    return REWARDED.step(synapses, in_spike, out_spike, trace_pre, trace_post, tau_pre, tau_post, f_pre, f_post)


def eligibility_trace(trace: Tensor | None, eligibility: Tensor, tau_trace: float) -> Tensor:
    r"""Return an eligibility trace after one time step.

    .. math:: z[t] = e^{-1/\tau_z}\, z[t-1] + \zeta[t] / \tau_z

    Args:
        trace: The trace before the step, of the shape of ``eligibility``; None is 0.
        eligibility: Eligibility of the step, any shape.
        tau_trace: Time constant in steps, positive.

    Returns:
        The trace after the step.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the shapes or devices differ, or ``tau_trace`` is not positive.

    Example:
        >>> import torch
        >>> from snn_functional.stdp_learner import eligibility_trace
        >>> eligibility_trace(None, torch.tensor([4.0]), tau_trace=2.0)
        tensor([2.])

    Source: Florian, Reinforcement Learning Through Modulation of Spike-Timing-Dependent Synaptic Plasticity (2007).
    """
    decay = exponential_decay("tau_trace", tau_trace)
    for name, value in (("eligibility", eligibility), ("trace", eligibility if trace is None else trace)):
        if not isinstance(value, Tensor):
            raise TypeError(must(name, "be a torch.Tensor", type(value).__name__))
    if trace is None:
        return eligibility / tau_trace
    if trace.shape != eligibility.shape:
        raise ValueError(
            must(
                "trace",
                f"have the shape of eligibility, {tuple(eligibility.shape)}",
                tuple(trace.shape),
                "start a batch of another shape with None",
            )
        )
    if trace.device != eligibility.device:
        raise ValueError(
            must(
                "trace", f"be on {eligibility.device} like eligibility", trace.device, "move one to the other's device"
            )
        )
    return trace * decay + eligibility / tau_trace
