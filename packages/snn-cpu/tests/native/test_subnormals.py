"""Numbers that are subnormal are those of the steps; where torch flushes them, the kernel does too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

import snn_core as snn
from snn_core import surrogate
from snn_core.surrogate import Surrogate

SHAPE = (37, 3, 101)
TINY = torch.finfo(torch.float32).smallest_normal
SMALLEST = TINY * 2**-23
SURROGATES: list[Surrogate] = [surrogate.atan(), surrogate.fast_sigmoid(25), surrogate.sigmoid(25)]


@pytest.fixture
def flushed() -> Iterator[None]:
    torch.set_num_threads(1)  # which is what the mode is of
    assert torch.set_flush_denormal(True)
    yield
    torch.set_flush_denormal(False)


def random_input(scale: float = 1.0) -> Tensor:
    return scale * torch.rand(SHAPE, generator=torch.Generator().manual_seed(0))


def upstream(scale: float = 1.0) -> Tensor:
    return scale * torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))


def both(spike_grad: Surrogate, x: Tensor, gradient: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Spikes, membranes and gradient, by the kernel and by the steps."""
    result = []
    for schedule in ("layers", "steps"):
        neuron = snn.Leaky(beta=0.9, spike_grad=spike_grad, init_hidden=True, output=True)
        x = x.detach().clone().requires_grad_()
        spk, mem = snn.unroll(neuron, x, schedule=schedule)
        result.append((spk.detach(), mem.detach(), torch.autograd.grad(spk, x, gradient)[0]))
    return result


def share(values: Tensor) -> float:
    return float(((values != 0) & (values.abs() < TINY)).float().mean())


@pytest.mark.parametrize("spike_grad", SURROGATES, ids=repr)
@pytest.mark.parametrize(
    ("x", "gradient"),
    [(random_input(0.4), upstream(1e-40)), (random_input(1e-40), upstream()), (random_input(-0.8), upstream())],
    ids=["gradients", "input", "far from the threshold"],
)
def test_they_are_those_of_the_steps(spike_grad: Surrogate, x: Tensor, gradient: Tensor) -> None:
    # an exponential may differ from torch's in the last bits
    relative = 1e-6 if isinstance(spike_grad, surrogate.sigmoid) else 0.0
    for result, expected in zip(*both(spike_grad, x, gradient), strict=True):
        largest = float(expected.abs().max())
        torch.testing.assert_close(result, expected, rtol=relative, atol=max(relative * largest, SMALLEST))


def test_subnormal_gradients_and_membranes_are_kept() -> None:
    _, _, gradient = both(surrogate.atan(), random_input(0.4), upstream(1e-40))[0]
    _, mem, _ = both(surrogate.atan(), random_input(1e-40), upstream())[0]
    assert share(gradient) > 0.99
    assert share(mem) > 0.99


@pytest.mark.usefixtures("flushed")
@pytest.mark.parametrize("spike_grad", SURROGATES, ids=repr)
def test_the_kernel_has_no_subnormals_where_they_are_flushed(spike_grad: Surrogate) -> None:
    (*_, result), (*_, expected) = both(spike_grad, random_input(0.4), upstream(1e-36))
    bits = result.view(torch.int32) & 0x7FFFFFFF  # comparisons of floats take them for 0
    assert not ((bits != 0) & (bits < 2**23)).any()
    torch.testing.assert_close(result, expected, rtol=1e-6, atol=4 * TINY)
