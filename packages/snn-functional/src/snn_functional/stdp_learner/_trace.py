"""Traces of spikes: their decay, and what a step adds to them."""

from __future__ import annotations

from collections.abc import Callable
from math import exp
from numbers import Real
from typing import Any, NamedTuple

import torch
from torch import Tensor

from snn_functional._messages import must
from snn_functional._numbers import finite, real
from snn_functional._precision import full_precision
from snn_functional.stdp_learner._connection import Connection

Trace = float | Tensor | None
Factor = Callable[[Tensor], Any]


def unchanged(weight: Tensor) -> Tensor:
    """Return the weights themselves: the default scale of potentiation and depression."""
    return weight


def linear_decay(name: str, tau: Any) -> float:
    """Return the factor of a trace per step, 1 - 1/tau."""
    if not real(name, tau, "a number of steps") >= 1:
        raise ValueError(must(name, f"be at least 1 step, as 1 - 1/{name} is a decay", tau))
    return 1 - 1 / tau


def exponential_decay(name: str, tau: Any) -> float:
    """Return the factor of a trace per step, exp(-1/tau)."""
    if not real(name, tau, "a number of steps") > 0:
        raise ValueError(must(name, "be greater than 0, in steps", tau))
    return exp(-1 / tau)


class Rule(NamedTuple):
    """The rule of plasticity for one time step."""

    decay: Callable[[str, Any], float]  # from the name and value of a time constant to the factor of a trace per step
    each: bool  # whether samples are kept separate

    def step(
        self,
        synapses: Connection,
        in_spike: Tensor,
        out_spike: Tensor,
        trace_pre: Trace,
        trace_post: Trace,
        tau_pre: float,
        tau_post: float,
        f_pre: Factor,
        f_post: Factor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        r"""Return both traces after a step, and the change of the weights, ``[batch, *weight.shape]`` if ``each``.

        .. math::
            x[t] = \lambda x[t-1] + s_\text{in}[t], \quad y[t] = \lambda' y[t-1] + s_\text{out}[t], \quad
            \Delta w = f_\text{post}(w)\, s_\text{out} \otimes x - f_\text{pre}(w)\, y \otimes s_\text{in}
        """
        decay_pre, decay_post = self.decay("tau_pre", tau_pre), self.decay("tau_post", tau_post)
        pre = synapses.pre(in_spike)
        post = synapses.post(out_spike, pre)
        x = _started("trace_pre", trace_pre, pre) * decay_pre + pre
        y = _started("trace_post", trace_post, post) * decay_post + post
        meet = synapses.correlations if self.each else synapses.correlation
        up, down = (_scale(name, f, synapses.weight) for name, f in (("f_post", f_post), ("f_pre", f_pre)))
        with full_precision(pre.device.type):
            # in place: the products may be as large as all weights for each sample, and new memory costs more
            return x, y, meet(x, post).mul_(up).sub_(meet(pre, y).mul_(down))


PLAIN = Rule(linear_decay, each=False)
REWARDED = Rule(exponential_decay, each=True)


def _started(name: str, trace: Any, like: Tensor) -> Tensor:
    if trace is None:
        return torch.zeros_like(like)
    if isinstance(trace, Real):
        return torch.full_like(like, finite(name, trace, "what the last step returned, or a number"))
    if not isinstance(trace, Tensor):
        raise TypeError(must(name, "be what the last step returned, or None before the first", type(trace).__name__))
    if trace.shape != like.shape and trace.numel() != 1:
        raise ValueError(
            must(
                name,
                f"have the shape of this step's spikes, {tuple(like.shape)}",
                tuple(trace.shape),
                "start a batch of another shape with None (in a learner, call reset())",
            )
        )
    if trace.device != like.device:
        raise ValueError(
            must(name, f"be on {like.device} like the spikes", trace.device, f"pass {name}.to({str(like.device)!r})")
        )
    return trace.to(like.dtype).expand_as(like)


def _scale(name: str, f: Any, weight: Tensor) -> Any:
    if not callable(f):
        raise TypeError(must(name, "be a function of the weights, such as lambda w: 1 - w", repr(f)))
    scale = f(weight)
    if isinstance(scale, Real):
        return scale
    if not isinstance(scale, Tensor):
        raise TypeError(must(name, "return a number or a tensor", type(scale).__name__))
    try:
        return scale.expand_as(weight)
    except RuntimeError as error:
        raise ValueError(
            must(
                name,
                f"return one scale for each of the weights of shape {tuple(weight.shape)}, or one for all",
                f"shape {tuple(scale.shape)}",
            )
        ) from error
