"""Exponential integrate-and-fire with adaptation."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Unpack

import torch
from torch import Tensor

from snn_core.neuron.constant import Constant, must_be_positive
from snn_core.neuron.signatures import NeuronOptions, takes
from snn_core.neuron.spiking import SpikingNeuron


class AdEx(SpikingNeuron):
    r"""Adaptive exponential integrate-and-fire neuron in millivolts, milliseconds and picoamperes, by Euler's method.

    .. math::

        \tau\,V' &= -(V - V_0) + \Delta\,e^{(V - V_T) / \Delta} + R\,(X - W), \qquad
        \tau_w\,W' = a\,(V - V_0) - W \\
        V &\leftarrow V_r, \quad W \leftarrow W + b \qquad \text{where } V > \vartheta

    A spike acts at the beginning of the next step, on W with its surrogate gradient; before the first step there is
    none. The membrane is kept as its difference from rest, :math:`V - V_0`. The reset is part of the equation, so
    ``reset_mechanism`` and ``reset_delay`` have no effect. With ``a=0, b=0`` it is the exponential integrate-and-fire
    neuron, EIF; the quadratic one is a case of :class:`~snn_core.Izhikevich`. Above ``threshold`` the exponential keeps
    the value that it has there, so it stays finite.

    Args:
        tau: Time constant of the membrane, in milliseconds. A scalar, or one per neuron.
        R: Resistance, in gigaohms: millivolts per picoampere. A scalar, or one per neuron.
        tau_w: Time constant of the adaptation W, in milliseconds. A scalar, or one per neuron.
        a: Coupling of W to the membrane, in nanosiemens: picoamperes per millivolt. A scalar, or one per neuron.
        b: Amount that a spike adds to W, in picoamperes. A scalar, or one per neuron.
        rest: :math:`V_0`, in millivolts.
        rheobase: :math:`V_T`, where the exponential takes over, in millivolts.
        reset: :math:`V_r`, the membrane potential after a spike, in millivolts.
        sharpness: :math:`\Delta`, in millivolts.
        dt: Length of a step, in milliseconds.
        threshold: Membrane potential above which the neuron fires, in millivolts.
        learn_a: Make ``a`` a parameter.
        learn_b: Make ``b`` a parameter.
        detach_reset: Reset the membrane without a gradient; if False, with the surrogate's gradient.
        **options: The other options of :class:`~snn_core.SpikingNeuron`, by name.

    Shape:
        input ``[batch, ...]`` in picoamperes; spikes, adaptation and membrane the same.

    Returns:
        ``(spk, adaptation, mem)``; with ``init_hidden=True`` the spikes alone, unless ``output=True``.

    Raises:
        ValueError: If ``sharpness`` or ``dt`` is not greater than 0 and finite, or a time constant not greater than 0.

    Example:
        >>> import torch
        >>> spk, last = AdEx(a=0.0, b=60.0, tau_w=30.0).unroll(torch.full((4000, 1, 1), 65.0))  # 400 milliseconds
        >>> int(spk.sum())
        7

        Without adaptation it is the EIF neuron, which keeps firing every 13.7 milliseconds:

        >>> spk, last = AdEx(a=0.0, b=0.0).unroll(torch.full((4000, 1, 1), 65.0))
        >>> spk.flatten().nonzero().flatten().diff().unique()
        tensor([137])

    Source: Gerstner et al., Neuronal Dynamics (2014), sections 5.2 and 6.1; Brette and Gerstner (2005).
    """

    class State(NamedTuple):
        """Adaptation, and membrane potential above rest."""

        adaptation: Tensor
        mem: Tensor

    resets: ClassVar[bool] = False
    reads_spikes: ClassVar[bool] = True
    described: ClassVar[tuple[str, ...]] = ("tau", "R", "tau_w", "a", "b", "dt")

    tau: Tensor
    R: Tensor
    tau_w: Tensor
    a: Tensor
    b: Tensor
    rest: Tensor
    rheobase: Tensor
    reset: Tensor
    sharpness: Tensor
    dt: Tensor

    @takes("threshold", threshold=-30.0)
    def __init__(
        self,
        tau: Constant = 20.0,
        R: Constant = 0.5,
        tau_w: Constant = 100.0,
        a: Constant = 0.0,
        b: Constant = 7.0,
        rest: Constant = -70.0,
        rheobase: Constant = -50.0,
        reset: Constant = -55.0,
        sharpness: Constant = 2.0,
        dt: Constant = 0.1,
        *args: Any,
        learn_a: bool = False,
        learn_b: bool = False,
        detach_reset: bool = True,
        **options: Unpack[NeuronOptions],
    ) -> None:
        super().__init__(**options)
        positive = {"tau": tau, "tau_w": tau_w, "sharpness": sharpness, "dt": dt}
        for name, value in {**positive, "R": R, "rest": rest, "rheobase": rheobase, "reset": reset}.items():
            self.constant(name, value)
            if name in positive:
                finite = name in ("sharpness", "dt")
                must_be_positive(f"AdEx: {name}", getattr(self, name), finite=finite)
        self.constant("a", a, learn=learn_a)
        self.constant("b", b, learn=learn_b)
        self.detach_reset = detach_reset

    def integrate(self, x: Tensor, state: Any) -> Any:
        spk = self.last_spikes(state)
        fired = spk.detach() if self.detach_reset else spk
        adaptation = state.adaptation + self.b * spk
        mem = state.mem * (1 - fired) + (self.reset - self.rest) * fired
        above = (mem + (self.rest - self.rheobase)) / self.sharpness
        most = (self.threshold - self.rheobase) / self.sharpness
        rise = self.sharpness * torch.minimum(above, most).exp()
        change = (rise - mem + self.R * (x - adaptation)) * (self.dt / self.tau)
        adaptation = adaptation + (self.a * mem - adaptation) * (self.dt / self.tau_w)
        return state._replace(adaptation=adaptation, mem=mem + change)

    def membrane(self, state: Any) -> Tensor:
        return state.mem + self.rest
