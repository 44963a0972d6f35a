"""The ends of a decay's range: it learns there as inside, in every way of running, and outside it does not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

import snn_core as snn
from snn_core import kernels
from snn_core.neuron import compiled
from snn_core.neuron.constant import clamped

from .zoo import close, step_loop

ENDS = torch.tensor([-0.5, -0.0, 0.0, 0.5, 1.0, 1.5], dtype=torch.float64)
INSIDE = torch.tensor([0.0, 1.0, 1.0, 1.0, 1.0, 0.0], dtype=torch.float64)


def by_autograd(f: Callable[[Tensor], Tensor]) -> Tensor:
    x = ENDS.clone().requires_grad_()
    return torch.autograd.grad(f(x).sum(), x)[0]


def by_dual_numbers(f: Callable[[Tensor], Tensor]) -> Tensor:
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(ENDS, torch.ones_like(ENDS))
        return torch.autograd.forward_ad.unpack_dual(f(dual)).tangent


WAYS = {
    "autograd": by_autograd,
    "dual numbers": by_dual_numbers,
    "func.grad": lambda f: torch.func.grad(lambda x: f(x).sum())(ENDS),
    "func.grad of vmap": lambda f: torch.func.grad(lambda x: torch.vmap(f)(x).sum())(ENDS),
    "vmap of func.grad": lambda f: torch.vmap(torch.func.grad(f))(ENDS),
    "func.jvp": lambda f: torch.func.jvp(f, (ENDS,), (torch.ones_like(ENDS),))[1],
    "jacfwd": lambda f: torch.func.jacfwd(f)(ENDS).diagonal(),
    "jacrev": lambda f: torch.func.jacrev(f)(ENDS).diagonal(),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_derivative_is_1_on_the_closed_interval_and_0_outside(way: str) -> None:
    assert torch.equal(WAYS[way](clamped), INSIDE)
    # and so it is for what is computed from it: d/dx c^3 = 3 c^2
    close(WAYS[way](lambda x: clamped(x) ** 3), INSIDE * 3 * ENDS**2)


def test_the_second_derivative_is_that_of_the_following_layers() -> None:
    x = ENDS.clone().requires_grad_()
    (first,) = torch.autograd.grad((clamped(x) ** 3).sum(), x, create_graph=True)
    close(torch.autograd.grad(first.sum(), x)[0], INSIDE * 6 * ENDS)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_values_are_those_of_torch_s_clamp_whether_it_learns_or_not(dtype: torch.dtype) -> None:
    expected = torch.cat([ENDS, torch.tensor([torch.inf, -torch.inf, torch.nan])]).to(dtype)
    for learns in (False, True):
        x = expected.clone().requires_grad_(learns)
        torch.testing.assert_close(clamped(x).detach(), expected.clamp(0, 1), rtol=0, atol=0, equal_nan=True)
        with torch.no_grad():
            assert clamped(x).requires_grad is False


NEURONS: dict[str, tuple[Callable[..., snn.SpikingNeuron], str]] = {
    "leaky": (snn.Leaky, "beta"),
    "rleaky": (partial(snn.RLeaky, V=0.5, all_to_all=False, learn_recurrent=False), "beta"),
    "synaptic": (partial(snn.Synaptic, alpha=0.5), "beta"),
    "synaptic current": (partial(snn.Synaptic, beta=0.5), "alpha"),
    "rsynaptic": (partial(snn.RSynaptic, alpha=0.5, V=0.5, all_to_all=False, learn_recurrent=False), "beta"),
    "rsynaptic current": (partial(snn.RSynaptic, beta=0.5, V=0.5, all_to_all=False, learn_recurrent=False), "alpha"),
    "deltaleaky": (partial(snn.DeltaLeaky, 1.0), "beta"),
    "stateleaky": (partial(snn.StateLeaky, channels=2, output=True), "beta"),
}


def by_operator(neuron: snn.SpikingNeuron, xs: Tensor) -> tuple[Tensor, ...]:
    rest = neuron.State._make(torch.zeros_like(xs[0]) for _ in neuron.State._fields)
    return tuple(compiled.sequence(neuron, xs, rest, False)[1])


def by_steps(neuron: snn.SpikingNeuron, xs: Tensor) -> tuple[Tensor, ...]:
    return tuple(step_loop(neuron, xs)[1])


RUNS = {"steps": by_steps, "unroll": lambda neuron, xs: tuple(neuron.unroll(xs)[1]), "operator": by_operator}


def gradients(name: str, decays: list[float], xs: Tensor, run: str) -> Tensor:
    make, constant = NEURONS[name]
    neuron = make(
        **{constant: torch.tensor(decays, dtype=torch.float64), f"learn_{constant}": True}, threshold=100.0
    ).double()
    learned = dict(neuron.named_parameters())[constant]
    return torch.autograd.grad(sum(s.sum() for s in RUNS[run](neuron, xs)), learned)[0]


@pytest.fixture(params=["as it comes", "reference"])
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels that are installed, and then none."""
    kernels.status()
    if request.param == "reference":
        monkeypatch.setattr("snn_core.engines.registry._OFFERED", {})


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", NEURONS)
def test_a_neuron_s_gradient_at_the_ends_is_the_limit_from_inside(name: str, run: str) -> None:
    xs = torch.rand(7, 3, 2, dtype=torch.float64)
    near = gradients(name, [1e-9, 1 - 1e-9], xs, run)
    torch.testing.assert_close(gradients(name, [0.0, 1.0], xs, run), near, rtol=1e-6, atol=1e-6)
    assert (near != 0).all()
    assert torch.equal(gradients(name, [-1e-9, 1 + 1e-9], xs, run), torch.zeros(2, dtype=torch.float64))


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("run", RUNS)
def test_a_decay_of_0_gives_back_the_input_of_the_step_before(run: str) -> None:
    # without reset and spikes U[T] = x[T] + beta x[T-1] + ..., whose derivative at 0 is x[T-1]
    xs = torch.rand(5, 1, 2, dtype=torch.float64)
    assert torch.equal(gradients("leaky", [0.0, 0.0], xs, run), xs[-2, 0])


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("run", RUNS)
def test_alpha_s_excitatory_decay_learns_at_1(run: str) -> None:
    xs = torch.rand(5, 3, 2, dtype=torch.float64)

    def alpha_gradient(alpha: float) -> Tensor:
        neuron = snn.Alpha(
            alpha=torch.full((2,), alpha, dtype=torch.float64), beta=0.5, learn_alpha=True, threshold=100.0
        ).double()
        return torch.autograd.grad(sum(s.sum() for s in RUNS[run](neuron, xs)), neuron.alpha)[0]

    torch.testing.assert_close(alpha_gradient(1.0), alpha_gradient(1 - 1e-9), rtol=1e-6, atol=1e-6)
