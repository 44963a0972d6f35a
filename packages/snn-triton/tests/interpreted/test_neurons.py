"""Every neuron by its kernels: the spikes, states and gradients of its steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

import snn_core as snn
from snn_core import kernels, surrogate
from snn_core.surrogate import closed_form

from .comparison import DTYPES, Comparison, by_kernels, by_steps, drive, near
from .tests_of_core import zoo

RESETS = [("none", True), ("subtract", True), ("zero", True), ("subtract", False), ("zero", False)]
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)

# whose weights are those of a convolution, and what compares the neurons of a sample with each other
LEFT = {
    **dict.fromkeys(("rleaky conv", "sconv2dlstm"), "it has weights that are not those of a linear layer"),
    "inhibited": "inhibition compares neurons with each other, which a step program does not",
}


def left(case: Any) -> str:
    """Return why kernels run no program of a neuron, or None."""
    return next((why for name, why in LEFT.items() if case.name.startswith(name) or case.name.endswith(name)), "")


@every_dtype
@pytest.mark.parametrize("case", [case for case in zoo.NEURONS if not left(case)], ids=str)
@pytest.mark.usefixtures("narrow", "of_any_size")
def test_every_neuron(case: Any, dtype: torch.dtype) -> None:
    neuron = case.make().to(dtype)
    Comparison(neuron, case.input(7, dtype=dtype)).agrees()


@pytest.mark.parametrize("case", [case for case in zoo.VARIANTS if case.options and not left(case)], ids=str)
@pytest.mark.usefixtures("wide", "of_any_size")
def test_every_neuron_with_every_option(case: Any) -> None:
    Comparison(case.make().float(), case.input(7, dtype=torch.float32)).agrees()


@pytest.mark.parametrize("case", [case for case in zoo.VARIANTS if left(case)], ids=str)
@pytest.mark.usefixtures("wide", "of_any_size")
def test_neurons_that_have_no_program_are_left_to_the_reference(case: Any) -> None:
    choice = kernels.choose(case.make(), case.input(7))
    assert choice.name == "reference"
    assert choice.reason.endswith(left(case))


@pytest.mark.parametrize(("dtype", "trace"), [(torch.float32, False), (torch.float64, True)], ids=str)
@pytest.mark.parametrize(("reset", "delay"), RESETS)
@pytest.mark.parametrize("name", ["leaky", "lapicque", "synaptic", "alpha"])
@pytest.mark.usefixtures("narrow")
def test_every_reset_of_every_family(name: str, reset: str, delay: bool, trace: bool, dtype: torch.dtype) -> None:
    learned = {"learn_threshold": True, "reset_mechanism": reset, "reset_delay": delay}
    neuron = {
        "leaky": lambda: snn.Leaky(0.9, learn_beta=True, **learned),
        "lapicque": lambda: snn.Lapicque(R=1.5, C=2.0, time_step=0.7, **learned),
        "synaptic": lambda: snn.Synaptic(0.8, 0.6, learn_alpha=True, learn_beta=True, **learned),
        "alpha": lambda: snn.Alpha(0.8, 0.6, learn_alpha=True, learn_beta=True, **learned),
    }[name]().to(dtype)
    Comparison(neuron, drive(7, 3, 5, dtype=dtype), trace=trace).agrees()


SURROGATES = [
    surrogate.atan(3.0),
    surrogate.fast_sigmoid(5),
    surrogate.sigmoid(7),
    surrogate.straight_through_estimator(),
    surrogate.triangular(0.2),
    surrogate.heaviside(),
    surrogate.spike_rate_escape(1.5, 0.8),
    surrogate.multi_gaussian(),
    surrogate.double_gaussian(0.4),
    surrogate.slayer(2, 0.8),
    surrogate.LSO(0.3),
    surrogate.SFS(3, 0.05),
    surrogate.no_gradient(),
]


@every_dtype
@pytest.mark.parametrize(("reset", "delay"), [("subtract", True), ("zero", False)])
@pytest.mark.parametrize("spike_grad", SURROGATES, ids=repr)
@pytest.mark.usefixtures("wide")
def test_every_surrogate(spike_grad: Any, reset: str, delay: bool, dtype: torch.dtype) -> None:
    options = {"spike_grad": spike_grad, "reset_mechanism": reset, "reset_delay": delay}
    neuron = snn.Leaky(0.8, learn_beta=True, learn_threshold=True, **options).to(dtype)
    Comparison(neuron, drive(7, 3, 5, dtype=dtype)).agrees()


def test_every_surrogate_is_tested_here() -> None:
    assert {type(spike_grad) for spike_grad in SURROGATES} == {*closed_form.KINDS.values()}


EACH = torch.linspace(0.3, 0.9, 5)
CONSTANTS: dict[str, Callable[[], Any]] = {
    "one a neuron": lambda: snn.Synaptic(EACH.flip(0), EACH, learn_alpha=True, learn_beta=True),
    "one a neuron, and none learns": lambda: snn.Leaky(EACH, threshold=EACH + 0.5),
    "one a sample": lambda: snn.Leaky(torch.linspace(0.2, 0.8, 3).view(3, 1), learn_beta=True, learn_threshold=True),
    "one a column": lambda: snn.Leaky(torch.linspace(0.2, 0.8, 15).view(3, 5), learn_beta=True),
    "one number with axes": lambda: snn.Leaky(torch.full((1, 1), 0.5), learn_beta=True),
    "of several shapes": lambda: snn.Synaptic(0.7, EACH, threshold=torch.rand(3, 1) + 0.5, learn_threshold=True),
    "graded": lambda: snn.Leaky(0.9, graded_spikes_factor=2.5, learn_graded_spikes_factor=True, learn_beta=True),
    "graded, one a neuron": lambda: snn.Leaky(0.9, graded_spikes_factor=EACH, learn_graded_spikes_factor=True),
    "beyond their bounds": lambda: snn.Leaky(1.25, learn_beta=True),
    "bounded": lambda: snn.bounded(snn.Leaky(beta=0.8, learn_beta=True), "beta"),
    "a surrogate disabled": lambda: snn.Leaky(0.9, surrogate_disable=True, learn_beta=True),
}


@every_dtype
@pytest.mark.parametrize("name", CONSTANTS)
@pytest.mark.usefixtures("narrow")
def test_constants_of_any_shape(name: str, dtype: torch.dtype) -> None:
    Comparison(CONSTANTS[name]().to(dtype), drive(7, 3, 5, dtype=dtype)).agrees()


@every_dtype
@pytest.mark.parametrize(
    "make",
    [
        lambda: snn.StateLeaky(beta=EACH, channels=5, learn_beta=True, learn_threshold=True),
        lambda: snn.LinearLeaky(beta=0.9, in_features=5, out_features=5, learn_beta=True, threshold=0.25),
    ],
    ids=["StateLeaky", "LinearLeaky"],
)
@pytest.mark.usefixtures("narrow")
def test_neurons_that_are_called_with_whole_sequences(make: Callable[[], Any], dtype: torch.dtype) -> None:
    neuron, xs = make().to(dtype), drive(7, 3, 5, dtype=dtype).requires_grad_()
    assert kernels.choose(neuron, xs).name == "snn-triton"
    rest = neuron.State._make([torch.zeros(3, 5, dtype=dtype)])
    expected, (mem,) = by_steps(neuron, neuron.driven(xs), rest, True)
    result = neuron(xs)
    assert torch.equal(result[0], expected)
    leaves, outcomes = [xs, *neuron.parameters()], []
    for outputs in (result, (expected, mem)):
        total = sum((drive(*o.shape, dtype=dtype, seed=3) * o).sum() for o in outputs)
        outcomes.append([outputs[1], *torch.autograd.grad(total, leaves)])
    near(*outcomes, {torch.float32: 1e-5, torch.float64: 1e-12}[dtype])


class Adaptive(snn.SpikingNeuron):
    """A user's own neuron, of the functions that the zoo's do not call."""

    class State(NamedTuple):
        syn: Tensor
        mem: Tensor

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.constant("decay", EACH, learn=True)

    def integrate(self, x: Tensor, state: Any) -> Any:
        syn = self.decay * state.syn + torch.tanh(x) - 0.1 * torch.sin(state.mem) / (1 + state.mem**2)
        mem = 0.7 * state.mem + torch.log1p(syn.abs()) * torch.sign(x) + torch.sqrt(syn**2 + 0.5) - 0.5
        return self.State(syn, torch.maximum(mem, torch.sigmoid(syn) - 2))


@every_dtype
@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.usefixtures("narrow")
def test_a_users_own_neuron(trace: bool, dtype: torch.dtype) -> None:
    Comparison(Adaptive(learn_threshold=True).to(dtype), drive(7, 3, 5, dtype=dtype), trace=trace).agrees()


@pytest.mark.usefixtures("narrow")
def test_the_gradient_of_a_gradient_is_that_of_the_steps() -> None:
    neuron = snn.Synaptic(0.7, 0.8, learn_alpha=True, learn_beta=True).double()
    xs, outcomes = drive(5, 2, 3).requires_grad_(), []
    for run in (by_steps, by_kernels):
        state = neuron.State._make([torch.zeros(2, 3, dtype=torch.float64)] * 2)
        spikes, last = run(neuron, xs, state, False)
        leaves = [xs, *neuron.parameters()]
        total = sum(o.square().sum() for o in (spikes, *last))
        first = torch.autograd.grad(total, leaves, create_graph=True)
        outcomes.append(torch.autograd.grad(sum(g.square().sum() for g in first), leaves))
    near(*outcomes, 1e-12)
