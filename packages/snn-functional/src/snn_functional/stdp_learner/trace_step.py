"""Eligibility that outlasts its time step, for a reward that comes late."""

from __future__ import annotations

from torch import Tensor, nn

from snn_functional.stdp_learner._trace import Factor, Trace, exponential_decay, unchanged
from snn_functional.stdp_learner.reward_step import mstdp_linear_single_step


def mstdpet_linear_single_step(
    fc: nn.Linear,
    in_spike: Tensor,
    out_spike: Tensor,
    trace_pre: Trace,
    trace_post: Trace,
    tau_pre: float,
    tau_post: float,
    tau_trace: float,
    f_pre: Factor = unchanged,
    f_post: Factor = unchanged,
) -> tuple[Tensor, Tensor, Tensor]:
    r"""Return the eligibility of the weights of a linear layer, for a reward that acts through an eligibility trace.

    It is the same as in :func:`mstdp_linear_single_step`; :func:`eligibility_trace` then accumulates it with
    ``tau_trace``, which is not used in this step.

    Args:
        fc: The layer between input and output.
        in_spike: Its input spikes ``[in_features]`` or ``[batch, in_features]``, any real dtype.
        out_spike: The spikes of the neurons after it ``[out_features]`` or ``[batch, out_features]``.
        trace_pre: Trace of the input before the step: what the last step returned, or a number; None is 0.
        trace_post: Trace of the output before the step, likewise.
        tau_pre: Time constant of ``trace_pre`` in steps, positive.
        tau_post: Time constant of ``trace_post`` in steps, positive.
        tau_trace: Time constant of the eligibility trace in steps, positive.
        f_pre: Scale of depression, an elementwise function of the weights.
        f_post: Scale of potentiation, an elementwise function of the weights.

    Returns:
        Both traces after the step, and the eligibility, ``[out_features, in_features]`` or with a batch axis in front.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If a shape, device or time constant does not fit.

    Example:
        >>> import torch
        >>> from snn_functional.stdp_learner import eligibility_trace, mstdpet_linear_single_step
        >>> spikes, traces, taus, one = (torch.ones(1), torch.zeros(1)), (2.0, 3.0), (1.0, 1.0, 5.0), lambda w: 1.0
        >>> x, y, zeta = mstdpet_linear_single_step(nn.Linear(1, 1), *spikes, *traces, *taus, one, one)
        >>> zeta  # -3 / e
        tensor([[-1.1036]])
        >>> eligibility_trace(None, zeta, tau_trace=5.0)
        tensor([[-0.2207]])

    Source: Florian, Reinforcement Learning Through Modulation of Spike-Timing-Dependent Synaptic Plasticity (2007).
    """
    exponential_decay("tau_trace", tau_trace)
    return mstdp_linear_single_step(
        fc, in_spike, out_spike, trace_pre, trace_post, tau_pre, tau_post, f_pre=f_pre, f_post=f_post
    )


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
            raise TypeError(f"{name} is a {type(value).__name__}; pass a torch.Tensor")
    if trace is None:
        return eligibility / tau_trace
    if trace.shape != eligibility.shape:
        raise ValueError(
            f"trace has shape {tuple(trace.shape)}, eligibility {tuple(eligibility.shape)}; start a batch of another "
            "shape with None"
        )
    if trace.device != eligibility.device:
        raise ValueError(
            f"trace is on {trace.device}, eligibility on {eligibility.device}; move one to the other's device"
        )
    return trace * decay + eligibility / tau_trace
