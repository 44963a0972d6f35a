"""For every neuron: torch's transforms (compile, grad, vmap) see an ordinary pure function in ``step``."""

from __future__ import annotations

import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import snn_core as snn

from .zoo import NEURONS, Case, close, gradients, started

pytestmark = pytest.mark.exhaustive

every_neuron = pytest.mark.parametrize("case", NEURONS, ids=str)


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    """Compiled code of one test is not reused, or counted as a recompilation, in the next."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@every_neuron
@pytest.mark.compiles
@pytest.mark.usefixtures("fresh_compiler")
def test_a_step_compiles_into_one_graph(case: Case) -> None:
    neuron, xs = case.make(), case.input().requires_grad_()
    state = started(case, neuron)
    inputs = [xs, *state, *neuron.parameters()]

    def two_steps(xs, state):
        spk, state = neuron.step(xs[0], state)
        return neuron.step(xs[1], state)

    spk, last = two_steps(xs, state)
    spk_c, last_c = torch.compile(two_steps, fullgraph=True, backend="aot_eager")(xs, state)
    close(spk_c, spk)
    close(tuple(last_c), tuple(last))
    close(gradients([spk_c, *last_c], inputs), gradients([spk, *last], inputs))


@pytest.mark.compiles
@pytest.mark.usefixtures("fresh_compiler")
def test_the_default_compiler_gives_the_numbers_of_eager_execution() -> None:
    # inductor writes C++ on a CPU; a machine that cannot compile it still proves the traced graph
    compiler = shutil.which("g++") and (Path(sysconfig.get_path("include")) / "Python.h").exists()
    backend = "inductor" if compiler else "aot_eager"
    neuron = snn.Leaky(beta=torch.full((5,), 0.8), learn_beta=True).double()
    xs = torch.randn(4, 3, 5, dtype=torch.float64)

    def steps(xs):
        state = None
        for x in xs:
            spk, state = neuron.step(x, state)
        return spk, state.mem

    close(torch.compile(steps, fullgraph=True, backend=backend)(xs), steps(xs))


@every_neuron
def test_functional_gradients_equal_autograd(case: Case) -> None:
    neuron, x = case.make(), case.input()[0]
    state = started(case, neuron)

    def loss(x, state):
        spk, after = neuron.step(x, state)
        return spk.sum() + sum(s.square().sum() for s in after)

    expected = torch.autograd.grad(loss(x.requires_grad_(), state), [x, *state], allow_unused=True)
    expected = [torch.zeros_like(i) if g is None else g for g, i in zip(expected, [x, *state], strict=True)]
    grad_x, grad_state = torch.func.grad(loss, argnums=(0, 1))(x.detach(), type(state)(*(s.detach() for s in state)))
    close([grad_x, *grad_state], expected)


@every_neuron
def test_a_step_may_be_mapped_over_a_further_axis(case: Case) -> None:
    neuron, xs = case.make(), case.input(4)
    state = started(case, neuron)
    state = type(state)(*(s.detach() for s in state))
    spk, after = torch.vmap(neuron.step, in_dims=(0, None))(xs, state)
    from_rest, _ = torch.vmap(lambda x: neuron.step(x, None))(xs)
    for i, x in enumerate(xs):
        spk_one, after_one = neuron.step(x, state)
        close(spk[i], spk_one)
        close(tuple(s[i] for s in after), tuple(after_one))
        close(from_rest[i], neuron.step(x, None)[0])


@every_neuron
def test_per_sample_gradients_of_a_step_equal_a_loop(case: Case) -> None:
    neuron, x = case.make(), case.input()[0]

    def loss(sample):
        spk, after = neuron.step(sample[None], None)
        return spk.sum() + sum(s.sum() for s in after)

    mapped = torch.vmap(torch.func.grad(loss))(x)
    close(mapped, torch.stack([torch.func.grad(loss)(sample) for sample in x]))
