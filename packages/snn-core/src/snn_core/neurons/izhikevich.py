"""Izhikevich's neuron: two equations that fire like many kinds of cortical neurons."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Unpack

from torch import Tensor

from snn_core.neuron.constant import Constant, must_be_positive
from snn_core.neuron.signatures import NeuronOptions, takes
from snn_core.neuron.spiking import SpikingNeuron


class Izhikevich(SpikingNeuron):
    r"""Izhikevich's neuron in millivolts and milliseconds, by Euler's method.

    .. math::

        V' &= 0.04\,V^2 + 5\,V + 140 - W + X, \qquad W' = a\,(b\,V - W) \\
        V &\leftarrow c, \quad W \leftarrow W + d \qquad \text{where } V > \vartheta

    A spike acts at the beginning of the next step, on W with its surrogate gradient; before the first step there is
    none. The states are kept as differences, :math:`V - c` and :math:`W - b\,c`, so a neuron at rest has states of 0.
    The reset is part of the equation, so ``reset_mechanism`` and ``reset_delay`` have no effect. The default constants
    are those of a regularly spiking neuron; one with ``a=0.1`` fires fast, one with ``c=-50, d=2`` chatters. With
    ``b=0, d=0`` it is the quadratic integrate-and-fire neuron, QIF, without recovery,
    :math:`V' = 0.04\,(V + 62.5)^2 - 16.25 + X`.

    Args:
        a: Rate of the recovery W, per millisecond. A scalar, or one per neuron.
        b: Sensitivity of W to the membrane. A scalar, or one per neuron.
        c: Membrane potential after a spike, in millivolts. A scalar, or one per neuron.
        d: Amount that a spike adds to W. A scalar, or one per neuron.
        dt: Length of a step, in milliseconds.
        threshold: Membrane potential above which the neuron fires, in millivolts.
        learn_a: Make ``a`` a parameter.
        learn_b: Make ``b`` a parameter.
        learn_d: Make ``d`` a parameter.
        detach_reset: Reset the membrane without a gradient; if False, with the surrogate's gradient.
        **options: The other options of :class:`~snn_core.SpikingNeuron`, by name.

    Shape:
        input ``[batch, ...]``; spikes, recovery and membrane the same.

    Returns:
        ``(spk, recovery, mem)``; with ``init_hidden=True`` the spikes alone, unless ``output=True``.

    Raises:
        ValueError: If ``dt`` is not greater than 0 and finite.

    Example:
        >>> import torch
        >>> spk, last = Izhikevich(dt=0.5).unroll(torch.full((2000, 1, 1), 10.0))  # a second
        >>> int(spk.sum())
        23

        Without recovery it is the QIF neuron, and any input above 16.25 makes it fire forever:

        >>> spk, last = Izhikevich(b=0.0, d=0.0, dt=0.5).unroll(torch.tensor([16.0, 17.0]).expand(2000, 1, 2))
        >>> spk.sum(0).tolist()
        [[0.0, 74.0]]

    Source: Izhikevich, Simple model of spiking neurons (2003); Gerstner et al., Neuronal Dynamics (2014), section 5.3.
    """

    class State(NamedTuple):
        r"""Recovery and membrane potential, as the differences :math:`W - b\,c` and :math:`V - c`."""

        recovery: Tensor
        mem: Tensor

    resets: ClassVar[bool] = False
    reads_spikes: ClassVar[bool] = True
    described: ClassVar[tuple[str, ...]] = ("a", "b", "c", "d", "dt")

    a: Tensor
    b: Tensor
    c: Tensor
    d: Tensor
    dt: Tensor

    @takes("threshold", threshold=30.0)
    def __init__(
        self,
        a: Constant = 0.02,
        b: Constant = 0.2,
        c: Constant = -65.0,
        d: Constant = 8.0,
        dt: Constant = 1.0,
        *args: Any,
        learn_a: bool = False,
        learn_b: bool = False,
        learn_d: bool = False,
        detach_reset: bool = True,
        **options: Unpack[NeuronOptions],
    ) -> None:
        super().__init__(**options)
        self.constant("a", a, learn=learn_a)
        self.constant("b", b, learn=learn_b)
        self.constant("c", c)
        self.constant("d", d, learn=learn_d)
        self.constant("dt", dt)
        must_be_positive("Izhikevich: dt", self.dt, "0 milliseconds")
        self.detach_reset = detach_reset

    def integrate(self, x: Tensor, state: Any) -> Any:
        spk = self.last_spikes(state)
        mem = state.mem * (1 - (spk.detach() if self.detach_reset else spk))
        recovery = state.recovery + self.d * spk
        v, w = mem + self.c, recovery + self.b * self.c
        change = self.dt * (0.04 * v.square() + 5 * v + 140 - w + x)
        return state._replace(recovery=recovery + self.dt * self.a * (self.b * v - w), mem=mem + change)

    def membrane(self, state: Any) -> Tensor:
        return state.mem + self.c
