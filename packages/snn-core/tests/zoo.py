"""Every neuron as data: a new one is one line in ``NEURONS``, or ``WHOLE``, and inherits the contract.

The first line about a neuron is also the one that docs/trust.md measures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core import surrogate


class QuadraticIF(snn.SpikingNeuron):
    """A user's own neuron of one state: the larger the membrane, the slower it leaks."""

    class State(NamedTuple):
        mem: Tensor

    def __init__(self, rest: float = 0.1, **options: Any) -> None:
        super().__init__(**options)
        self.constant("rest", rest, learn=True)

    def integrate(self, x: Tensor, state: State) -> State:
        return state._replace(mem=0.7 * state.mem + 0.05 * state.mem * (state.mem - self.rest) + x)


class Adaptive(snn.SpikingNeuron):
    """A user's own neuron of two states, which says itself how it resets."""

    class State(NamedTuple):
        trace: Tensor
        mem: Tensor

    def integrate(self, x: Tensor, state: State) -> State:
        trace = 0.8 * state.trace + x
        return state._replace(trace=trace, mem=0.7 * state.mem + x - 0.1 * trace)

    def subtract(self, state: State, amount: Tensor) -> State:
        return state._replace(trace=state.trace + amount, mem=state.mem - amount)

    def clear(self, state: State, fired: Tensor) -> State:
        return state._replace(mem=(1 - fired) * state.mem)


class Hooked(snn.Synaptic):
    """A user's own neuron as in snnTorch: its equation reads the states as attributes."""

    def _base_state_function(self, input_: Tensor) -> tuple[Tensor, Tensor]:
        syn = self.alpha * self.syn + input_ - 0.1 * self.mem
        return syn, self.membrane_decay * self.mem + syn


class Resting(snn.Refractory, snn.Synaptic):
    """A neuron with a synapse that is silent after each spike."""

    class State(NamedTuple):
        wait: Tensor
        syn: Tensor
        mem: Tensor


OF_SPIKES = frozenset(
    "threshold learn_threshold spike_grad graded_spikes_factor learn_graded_spikes_factor inhibition reset_mechanism "
    "reset_delay output".split()
)


@dataclass(frozen=True)
class Case:
    """One neuron with its options, and the input of one step.

    ``make(**more)`` builds it, ``shape`` is one step's input with the batch first, ``spk_shape`` what it gives.
    One that does not fire returns its membrane alone, and has none of the options ``OF_SPIKES``.
    With the options ``peer`` snnTorch computes the same, where it does not with all.
    """

    name: str
    constructor: Callable[..., snn.SpikingNeuron]
    shape: tuple[int, ...] = (3, 5)
    spk_shape: tuple[int, ...] | None = None
    recurrent: bool = False
    state_in_one: bool = False
    resets: bool = True
    fires: bool = True
    peer: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    def make(self, **more: Any) -> snn.SpikingNeuron:
        """The neuron in float64, with the same random weights every time."""
        torch.manual_seed(0)
        options = {"spike_grad": surrogate.fast_sigmoid(slope=5)} | self.options | more
        if not self.fires:
            options = {"init_hidden": False} | {n: v for n, v in options.items() if n not in OF_SPIKES}
        return self.constructor(**options).double()

    def input(self, num_steps: int = 7, batch: int | None = None, dtype: torch.dtype = torch.float64) -> Tensor:
        """``[num_steps, batch, ...]``, large enough that about a third of the neurons fire in a step."""
        generator = torch.Generator().manual_seed(num_steps)
        shape = (self.shape[0] if batch is None else batch, *self.shape[1:])
        return (1.2 * torch.randn(num_steps, *shape, generator=generator, dtype=torch.float64) + 0.4).to(dtype)

    def unpack(self, out: Any) -> tuple[Tensor, tuple[Any, ...]]:
        """Spikes and the states to pass on, from what ``neuron(x, *states)`` returned."""
        out = self.outputs(out)
        return out[0], (out if self.recurrent else out[1:])

    def outputs(self, out: Any) -> Any:
        """Spikes and states of a call that returns both; a neuron that does not fire returns its membrane for both."""
        return out if self.fires else (out, out)

    def spike_dtype(self, dtype: torch.dtype) -> torch.dtype:
        """The dtype of the spikes under autocast, for input of a dtype; that of a membrane is float32."""
        return dtype if self.fires else torch.float32

    def states(self, state: Any) -> tuple[Any, ...]:
        """A ``State`` as the positional arguments of a call."""
        return (tuple(state),) if self.state_in_one else tuple(state)

    def __str__(self) -> str:
        return self.name


NEURONS = [
    Case("leaky", partial(snn.Leaky, beta=0.8)),
    Case("leaky of one beta a neuron", partial(snn.Leaky, beta=torch.linspace(0.3, 1.0, 5), learn_beta=True)),
    Case(
        "leaky of one beta a neuron in its range",
        partial(snn.Leaky, beta=torch.linspace(0.3, 0.9, 5), learn_beta="bounded"),
        peer={"learn_beta": True},
    ),
    Case("rleaky", partial(snn.RLeaky, beta=0.8, linear_features=5), recurrent=True),
    Case("rleaky one to one", partial(snn.RLeaky, beta=0.8, V=0.5, all_to_all=False), recurrent=True),
    Case(
        "rleaky conv",
        partial(snn.RLeaky, beta=0.8, conv2d_channels=2, kernel_size=3),
        shape=(3, 2, 5, 5),
        recurrent=True,
    ),
    Case("synaptic", partial(snn.Synaptic, alpha=0.6, beta=0.8, learn_alpha=True, learn_beta=True)),
    Case("rsynaptic", partial(snn.RSynaptic, alpha=0.6, beta=0.8, linear_features=5), recurrent=True),
    Case("rsynaptic one to one", partial(snn.RSynaptic, alpha=0.6, beta=0.8, V=0.5, all_to_all=False), recurrent=True),
    Case(
        "rsynaptic one to one of decays in their range",
        partial(snn.RSynaptic, 0.6, 0.8, V=0.5, all_to_all=False, learn_alpha="bounded", learn_beta="bounded"),
        recurrent=True,
        peer={"learn_alpha": True, "learn_beta": True},
    ),
    Case("lapicque", partial(snn.Lapicque, R=2.0, C=1.5)),
    Case("lapicque of beta", partial(snn.Lapicque, beta=0.7, learn_beta=True)),
    Case("alpha", partial(snn.Alpha, alpha=0.9, beta=0.6, learn_alpha=True, learn_beta=True)),
    Case(
        "slstm",
        partial(snn.SLSTM, input_size=5, hidden_size=7, threshold=0.125),
        spk_shape=(3, 7),
        peer={"hidden_size": 5},  # it forgets states of another size than the input's
    ),
    Case("sconv2dlstm", partial(snn.SConv2dLSTM, 2, 3, 3, threshold=0.125), shape=(3, 2, 5, 5), spk_shape=(3, 3, 5, 5)),
    Case(
        "sconv2dlstm pooled",
        partial(snn.SConv2dLSTM, 2, 3, 3, max_pool=2, threshold=0.125),
        shape=(3, 2, 6, 6),
        spk_shape=(3, 3, 3, 3),
    ),
    Case("deltaleaky", partial(snn.DeltaLeaky, delta_threshold=1.0, beta=0.8), state_in_one=True, resets=False),
    Case(
        "alif",
        partial(snn.ALIF, 0.8, 0.7, 0.5, threshold=0.125, learn_beta=True, learn_rho=True, learn_kappa=True),
        resets=False,
    ),
    Case(
        "adlif",
        partial(snn.AdLIF, 0.7, 0.9, 0.3, 0.4, threshold=0.25, learn_beta=True, learn_rho=True, learn_a=True),
        resets=False,
    ),
    Case("seadlif", partial(snn.SEAdLIF, 0.6, 0.9, 0.5, 1.0, 2.0, threshold=0.25, learn_b=True), resets=False),
    Case(
        "silif",
        partial(
            snn.SiLIF,
            4.5,
            3.3,
            0.3,
            0.4,
            threshold=0.25,
            learn_log_rate=True,
            learn_log_rate_w=True,
            learn_b=True,
            learn_log_dt=True,
        ),
        resets=False,
    ),
    Case(
        "csilif",
        partial(
            snn.CSiLIF,
            -0.7,
            3.0,
            0.5,
            -1.0,
            threshold=0.5,
            learn_log_rate=True,
            learn_omega=True,
            learn_b=True,
            learn_log_dt=True,
        ),
        resets=False,
    ),
    Case("rf", partial(snn.RF, 0.9, 0.3, 0.5, threshold=0.25, learn_omega=True, learn_b=True), resets=False),
    Case("brf", partial(snn.BRF, 1.0, 0.2, 0.5, threshold=0.25, learn_omega=True, learn_b=True), resets=False),
    Case("tclif", partial(snn.TCLIF, 0.3, -0.2, threshold=0.75, learn_c1=True, learn_c2=True), resets=False),
    Case("izhikevich", partial(snn.Izhikevich, 0.1, 0.3, d=2.0, dt=0.5, threshold=-63.0, learn_a=True), resets=False),
    Case(
        "adex",
        partial(
            snn.AdEx,
            1.0,
            2.0,
            4.0,
            0.5,
            1.0,
            rheobase=-69.0,
            reset=-70.5,
            sharpness=1.0,
            dt=0.5,
            threshold=-68.5,
            learn_a=True,
        ),
        resets=False,
    ),
    Case("readout", partial(snn.Readout, beta=0.8, learn_beta=True), resets=False, fires=False),
    Case("sliding psn", partial(snn.SlidingPSN, order=4), resets=False),
    Case(
        "rleaky with delays",
        partial(snn.RLeaky, beta=0.8, linear_features=5, max_delay=3, delay_sigma=0.5),
        recurrent=True,
    ),
    Case(
        "rsynaptic one to one with delays",
        partial(snn.RSynaptic, alpha=0.6, beta=0.8, V=0.5, all_to_all=False, max_delay=2, delay=1.25),
        recurrent=True,
    ),
    Case("a user's quadratic neuron", QuadraticIF),
    Case("a user's adaptive neuron", Adaptive),
    Case("a user's neuron as in snnTorch", partial(Hooked, alpha=0.6, beta=0.8, learn_alpha=True)),
    Case("a refractory neuron", partial(Resting, alpha=0.6, beta=0.8, refractory_period=2, learn_alpha=True)),
]

WHOLE: dict[str, Callable[..., nn.Module]] = {  # those that take a whole sequence [T, batch, 5]
    "LeakyParallel": partial(snn.LeakyParallel, 5, 7, beta=0.8, threshold=0.25, learn_beta=True),
    "StateLeaky": partial(snn.StateLeaky, beta=0.8, channels=5, learn_beta=True, learn_threshold=True),
    "StateLeaky truncated": partial(snn.StateLeaky, beta=0.8, channels=5, kernel_truncation_steps=3),
    "LinearLeaky": partial(snn.LinearLeaky, beta=0.8, in_features=5, out_features=7, learn_beta=True, threshold=0.25),
    "PSN masked": partial(snn.PSN, 9, order=3),
    "AssociativeLeaky": partial(snn.AssociativeLeaky, 5, 3, 2, 6, use_q_projection=False),
    "AssociativeLeaky with read-out": partial(snn.AssociativeLeaky, 5, 3, 2, 6),
}


def coarse(state: Tensor) -> Tensor:
    """A quantizer: the nearest multiple of a quarter, with a straight-through gradient."""
    return state + (torch.round(state * 4) / 4 - state).detach()


OPTIONS: dict[str, dict[str, Any]] = {
    "subtract": {"reset_mechanism": "subtract"},
    "zero": {"reset_mechanism": "zero"},
    "none": {"reset_mechanism": "none"},
    "subtract at once": {"reset_mechanism": "subtract", "reset_delay": False},
    "zero at once": {"reset_mechanism": "zero", "reset_delay": False},
    "learnable threshold": {"learn_threshold": True},
    "quantized": {"state_quant": coarse},
    "inhibited": {"inhibition": True},
}


def _variants(neurons: list[Case]) -> Iterator[Case]:
    for case in neurons:
        for name, options in OPTIONS.items():
            resets = any(key.startswith("reset") for key in options)
            if (case.resets or not resets) and (case.fires or not OF_SPIKES & options.keys()):
                yield replace(case, name=f"{case.name}, {name}", options=options)


VARIANTS = [*NEURONS, *_variants(NEURONS)]


def started(case: Case, neuron: snn.SpikingNeuron, batch: int | None = None) -> Any:
    """A state that is not rest: what two steps of other input leave, cut off from its history."""
    state = None
    for x in case.input(2, batch):
        _, state = neuron.step(x, state)
    return type(state)(*(s.detach().clone().requires_grad_() for s in state))


def step_loop(neuron: snn.SpikingNeuron, xs: Tensor, state: Any = None) -> tuple[Tensor, Any]:
    """The specification of a sequence: ``step`` in a Python loop."""
    spks = []
    for x in xs:
        spk, state = neuron.step(x, state)
        spks.append(spk)
    return torch.stack(spks), state


def call_loop(net: Any, xs: Tensor) -> Any:
    """The user's loop from rest over a net that keeps its state: every output stacked on time."""
    snn.utils.reset(net)
    return stacked([net(x) for x in xs])


def stacked(outs: list[Any]) -> Any:
    """The outputs of every step, (nested) tuples included, stacked on time."""
    if isinstance(outs[0], tuple):
        return tuple(stacked(list(column)) for column in zip(*outs, strict=True))
    return torch.stack(outs)


def gradients(outputs: Any, inputs: list[Tensor]) -> list[Tensor]:
    """Gradients of one fixed random projection of all ``outputs`` with respect to ``inputs``; zero where unused."""
    generator = torch.Generator().manual_seed(11)
    loss = torch.zeros((), dtype=torch.float64)
    for out in outputs:
        loss = loss + (torch.randn(out.shape, generator=generator, dtype=torch.float64) * out).sum()
    gradients = torch.autograd.grad(loss, inputs, allow_unused=True)
    return [torch.zeros_like(i) if g is None else g for g, i in zip(gradients, inputs, strict=True)]


def close(left: Any, right: Any) -> None:
    """Assert that two (nested) collections of tensors are equal up to float64 rounding."""
    torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-10)
