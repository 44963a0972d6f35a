"""Neurons as users have them, with the kernels loaded: which one runs, and the numbers of the loop in every use."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core import kernels, surrogate

from .specification import same_bits

BETAS = torch.linspace(0.3, 0.9, 5)
NEURONS: dict[str, Callable[..., snn.SpikingNeuron]] = {
    "Leaky": lambda **o: snn.Leaky(beta=BETAS, learn_beta=True, learn_threshold=True, **o),
    "Leaky, graded": lambda **o: snn.Leaky(beta=0.9, graded_spikes_factor=2.5, learn_graded_spikes_factor=True, **o),
    "Leaky, surrogate disabled": lambda **o: snn.Leaky(beta=0.9, surrogate_disable=True, learn_beta=True, **o),
    "Lapicque of beta": lambda **o: snn.Lapicque(beta=0.8, learn_beta=True, **o),
    "Lapicque of R and C": lambda **o: snn.Lapicque(R=2.0, C=1.5, time_step=0.5, learn_threshold=True, **o),
    "Synaptic": lambda **o: snn.Synaptic(alpha=0.7, beta=BETAS, learn_alpha=True, learn_beta=True, **o),
    "Alpha": lambda **o: snn.Alpha(alpha=0.95, beta=BETAS, learn_alpha=True, learn_beta=True, **o),
    "RLeaky": lambda **o: snn.RLeaky(beta=0.9, V=BETAS - 0.5, all_to_all=False, graded_spikes_factor=0.5, **o),
    "RSynaptic": lambda **o: snn.RSynaptic(alpha=0.7, beta=0.8, V=-0.5, all_to_all=False, **o),
    "bounded Leaky": lambda **o: snn.bounded(snn.Leaky(beta=0.8, **o), "beta"),
}
WHOLE: dict[str, Callable[[], snn.SpikingNeuron]] = {
    "StateLeaky": lambda: snn.StateLeaky(beta=BETAS, channels=5, learn_beta=True),
    "LinearLeaky": lambda: snn.LinearLeaky(beta=0.9, in_features=5, out_features=5, learn_beta=True),
}


def drive(*shape: int) -> Tensor:
    return (torch.rand(*shape) * 2 - 0.3).requires_grad_()


def by_loop(neuron: snn.SpikingNeuron, xs: Tensor, trace: bool = False) -> tuple[Tensor, ...]:
    rest = [torch.zeros(xs.shape[1:], dtype=xs.dtype) for _ in neuron.State._fields]
    spk, state = kernels.loop(neuron.advance, xs, neuron.State._make(rest), trace)
    return neuron.graded(spk), *state


def gradients(outputs: tuple[Tensor, ...], inputs: list[Tensor]) -> list[Tensor]:
    weights = [torch.linspace(-1, 2, o.numel()).view(o.shape) for o in outputs]
    loss = sum((w * o).sum() for w, o in zip(weights, outputs, strict=True))
    gradients = torch.autograd.grad(loss, inputs, allow_unused=True)
    return [torch.zeros_like(i) if g is None else g for g, i in zip(gradients, inputs, strict=True)]


def close(result: list[Tensor], expected: list[Tensor]) -> None:
    for f, e in zip(result, expected, strict=True):
        torch.testing.assert_close(f, e, rtol=1e-4, atol=1e-5 * float(e.abs().max()))


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize("delay", [True, False])
@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("name", NEURONS)
def test_a_neurons_sequence_is_that_of_its_step(name: str, reset: str, delay: bool, trace: bool) -> None:
    neuron = NEURONS[name](reset_mechanism=reset, reset_delay=delay)
    xs = drive(40, 3, 5)
    assert kernels.choose(neuron, xs) == kernels.Choice("snn-cpu", "runs its step program")
    expected, (spk, last) = by_loop(neuron, xs, trace), neuron.unroll(xs, trace=trace)
    for f, e in zip((spk, *last), expected, strict=True):
        same_bits(f, e)
    inputs = [xs, *neuron.parameters()]
    close(gradients((spk, *last), inputs), gradients(expected, inputs))


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_sequence_neuron_is_its_step_too(name: str) -> None:
    neuron = WHOLE[name]()
    xs = drive(40, 3, 5)
    assert kernels.choose(neuron, xs).name == "snn-cpu"
    spk, mem = by_loop(neuron, neuron.driven(xs), trace=True)
    result = neuron(xs)
    same_bits(result[0], spk)
    same_bits(result[1], mem)
    inputs = [xs, *neuron.parameters()]
    close(gradients(result, inputs), gradients((spk, mem), inputs))


def net() -> nn.Sequential:
    layers = [make(init_hidden=True) for name, make in NEURONS.items() if "bounded" not in name]
    return nn.Sequential(*layers, snn.Leaky(beta=0.5, init_hidden=True, output=True))


def test_a_net_of_neurons_gives_the_bits_of_its_steps() -> None:
    stack, xs = net(), drive(70, 3, 5)
    fused, plan = snn.unroll(stack, xs, schedule="layers", explain=True)
    kept_states = [layer._kept for layer in stack]
    steps = snn.unroll(stack, xs, schedule="steps")
    for f, e in zip(fused, steps, strict=True):
        same_bits(f, e)
    for layer, states in zip(stack, kept_states, strict=True):
        for f, e in zip(states, layer._kept, strict=True):
            same_bits(f, e)
    assert all("snn-cpu (runs its step program)" in layer.how for layer in plan.layers)


def test_a_sequence_may_be_cut_anywhere() -> None:
    for make in NEURONS.values():
        neuron, xs = make(), drive(70, 3, 5)
        whole, last = neuron.unroll(xs)
        for cut in (1, 31, 32, 33, 69):
            first, middle = neuron.unroll(xs[:cut])
            second, end = neuron.unroll(xs[cut:], middle)
            same_bits(torch.cat([first, second]), whole)
            for f, e in zip(end, last, strict=True):
                same_bits(f, e)


def test_nothing_of_the_kernels_is_on_the_default_device() -> None:
    code = """
import torch, snn_core as snn
neurons = snn.Leaky(0.9, learn_beta=True), snn.RLeaky(0.9, linear_features=5)
xs = torch.rand(40, 3, 5, requires_grad=True)
def run(neuron):
    spk, state = neuron.unroll(xs)
    return torch.autograd.grad(spk.sum() + state[-1].sum(), [xs, *neuron.parameters()])
with torch.device("meta"):
    results = [run(neuron) for neuron in neurons]
    assert all(snn.kernels.choose(neuron, xs).name == "snn-cpu" for neuron in neurons)
for neuron, result in zip(neurons, results):
    assert all(map(torch.equal, result, run(neuron)))
print("the same")
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.stdout.strip() == "the same", process.stderr


@pytest.mark.parametrize(
    ("make", "dtype", "reason"),
    [
        (lambda: snn.Leaky(beta=0.9), torch.float16, "float16 input; the kernels take float32 and float64"),
        (lambda: snn.Alpha(0.9, 0.8), torch.bfloat16, "bfloat16 input; the kernels take float32 and float64"),
        (lambda: snn.Leaky(beta=BETAS), torch.float64, "values, one per neuron, but the input is torch.float64"),
        (
            lambda: snn.Leaky(beta=BETAS.double()),
            torch.float32,
            "values, one per neuron, but the input is torch.float32",
        ),
        (lambda: snn.Leaky(beta=0.9, spike_grad=surrogate.SSO()), torch.float32, "rand_like"),
        (lambda: snn.Leaky(beta=0.9, inhibition=True), torch.float32, "inhibition compares neurons with each other"),
        (
            lambda: snn.RLeaky(beta=0.9, conv2d_channels=3, kernel_size=1),
            torch.float32,
            "weights that are not those of a linear layer",
        ),
        (lambda: snn.Leaky(beta=torch.full((2, 1, 1), 0.5)), torch.float32, "expands the input (4, 3, 5)"),
    ],
)
def test_calls_that_no_kernel_takes_run_in_the_loop_with_the_reason(
    make: Callable[[], snn.SpikingNeuron], dtype: torch.dtype, reason: str
) -> None:
    choice = kernels.choose(make(), torch.zeros(4, 3, 5, dtype=dtype))
    assert choice.name == "reference"
    assert reason in choice.reason


def of_conditions(state: Tensor) -> Tensor:
    low, high = state > 0.1, state > 0.4
    return state + 0.25 * (low * high + high).float() + 0.1 * (1.0 * low + 1.0 * high) - 0.1 * (high * 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: snn.Leaky(beta=0.9, state_quant=lambda state: (4 * state).round() / 4),
        lambda: snn.Leaky(beta=0.9, spike_grad=surrogate.custom_surrogate(lambda x, grad, spk: grad * spk)),
        lambda: type("Mine", (snn.Leaky,), {})(beta=0.9, learn_threshold=True),
        lambda: snn.DeltaLeaky(0.25, beta=0.9, learn_beta=True),
        lambda: snn.Leaky(beta=0.9, state_quant=of_conditions),
    ],
    ids=["state_quant", "custom surrogate", "subclass", "DeltaLeaky", "arithmetic of conditions"],
)
def test_neurons_without_an_operator_run_by_their_step_program(make: Callable[[], snn.SpikingNeuron]) -> None:
    neuron, xs = make(), drive(40, 3, 5)
    assert kernels.choose(neuron, xs) == kernels.Choice("snn-cpu", "runs its step program")
    expected, (spk, last) = by_loop(neuron, xs), neuron.unroll(xs)
    for f, e in zip((spk, *last), expected, strict=True):
        same_bits(f, e)
    inputs = [xs, *neuron.parameters()]
    close(gradients((spk, *last), inputs), gradients(expected, inputs))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_still_runs(dtype: torch.dtype) -> None:
    neuron, xs = snn.Leaky(beta=0.5), drive(40, 3, 5).detach().to(dtype)
    spk, last = neuron.unroll(xs)
    for f, e in zip((spk, *last), by_loop(neuron, xs), strict=True):
        same_bits(f.float(), e.float())


def test_copies_pickles_and_saved_nets_run_as_the_original_does() -> None:
    original, xs = net(), drive(40, 3, 5)
    expected = snn.unroll(original, xs)[0]
    saved = io.BytesIO()
    torch.save(original, saved)
    saved.seek(0)
    copies = [
        copy.deepcopy(original),
        pickle.loads(pickle.dumps(original)),
        torch.load(saved, weights_only=False),
    ]
    for twin in copies:
        same_bits(snn.unroll(twin, xs, resume=True)[0], snn.unroll(copy.deepcopy(original), xs, resume=True)[0])
        same_bits(snn.unroll(twin, xs)[0], expected)


def test_functional_call_runs_the_kernel_on_other_parameters() -> None:
    neuron, xs = NEURONS["Leaky"](), drive(40, 3, 5)

    class Unrolled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.neuron = neuron

        def forward(self, xs: Tensor) -> Tensor:
            return self.neuron.unroll(xs)[0]

    other = {"neuron.beta": torch.full((5,), 0.25, requires_grad=True), "neuron.threshold": torch.tensor(0.5)}
    spk = torch.func.functional_call(Unrolled(), other, (xs,))
    expected = snn.Leaky(beta=other["neuron.beta"].detach(), threshold=0.5, learn_beta=True)
    same_bits(spk, expected.unroll(xs)[0])
    (gradient,) = torch.autograd.grad(spk.sum(), other["neuron.beta"])
    same_bits(gradient, torch.autograd.grad(expected.unroll(xs)[0].sum(), expected.beta)[0])


@pytest.mark.parametrize("name", NEURONS)
def test_functions_of_functions_give_the_numbers_of_the_loop(name: str) -> None:
    neuron, xs = NEURONS[name](), drive(9, 4, 5).detach()

    def loss(x: Tensor) -> Tensor:
        return neuron.unroll(x)[1].mem.square().sum()

    mapped = torch.func.vmap(lambda x: neuron.unroll(x)[0], in_dims=1, out_dims=1)(xs)
    same_bits(mapped.detach(), neuron.unroll(xs)[0].detach())
    leaf = xs.clone().requires_grad_()
    (expected,) = torch.autograd.grad(loss(leaf), leaf)
    close([torch.func.grad(loss)(xs)], [expected])
    close([torch.func.vmap(torch.func.grad(loss), in_dims=1, out_dims=1)(xs)], [expected])


@pytest.mark.filterwarnings("ignore:.*Function'> should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize("name", ["Leaky", "Synaptic", "Alpha", "RLeaky"])
def test_a_compiled_sequence_is_one_node_that_runs_the_kernel(name: str) -> None:
    torch.compiler.reset()
    neuron, xs = NEURONS[name](), drive(40, 3, 5)
    compiled = torch.compile(lambda x: neuron.unroll(x)[0] * 2, fullgraph=True, backend="aot_eager")
    expected = neuron.unroll(xs)[0] * 2
    same_bits(compiled(xs), expected)
    inputs = [xs, *neuron.parameters()]
    close(gradients((compiled(xs),), inputs), gradients((expected,), inputs))
    torch.compiler.reset()


def test_the_gradient_of_a_gradient_is_that_of_the_loop() -> None:
    neuron, xs = NEURONS["Synaptic"](), drive(9, 3, 5)

    def twice(outputs: tuple[Tensor, ...]) -> list[Tensor]:
        inputs = [xs, *neuron.parameters()]
        first = torch.autograd.grad(sum(o.square().sum() for o in outputs), inputs, create_graph=True)
        return gradients(tuple(first), inputs)

    spk, last = neuron.unroll(xs)
    close(twice((spk, *last)), twice(by_loop(neuron, xs)))


def test_training_goes_as_with_the_loop() -> None:
    xs = drive(40, 3, 5).detach()
    target = snn.Leaky(beta=0.5, threshold=0.6).unroll(xs)[0].mean(0)

    def losses(forward: Callable[[snn.SpikingNeuron], Tensor]) -> list[float]:
        neuron = NEURONS["Leaky"]()
        optimizer, losses = torch.optim.Adam(neuron.parameters(), lr=0.02), []
        for _ in range(20):
            optimizer.zero_grad()
            loss = (forward(neuron).mean(0) - target).square().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    result = losses(lambda neuron: neuron.unroll(xs)[0])
    assert result[-1] < result[0] / 2
    assert result == pytest.approx(losses(lambda neuron: by_loop(neuron, xs)[0]), rel=1e-3)
