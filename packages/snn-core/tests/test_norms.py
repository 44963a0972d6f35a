"""Batch normalization of many steps at once is the layer called with one step after another."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

import snn_core.engines.norms as norms
from snn_core.engines.norms import batch_norm_of_steps
from snn_core.engines.registry import offered

from .zoo import close

KINDS = {1: nn.BatchNorm1d, 2: nn.BatchNorm1d, 3: nn.BatchNorm2d, 4: nn.BatchNorm3d}  # by axes without the batch
SMALL, LARGE = 2**13, 0  # the largest step that is joined with others


@pytest.fixture(autouse=True, scope="module", params=[SMALL, LARGE], ids=["small steps", "large steps"])
def largest(request: pytest.FixtureRequest) -> Iterator[int]:
    """Every step of these tests counts as small, or as large."""
    with patch.object(norms, "_WORTH_A_COPY", request.param):
        yield request.param


MOMENTA = st.sampled_from([0.1, 0.3, 0.0, 1.0, None])


def randomized(norm: Any, seed: int = 0) -> Any:
    """The layer in float64, with scale, shift and statistics that are not those of a new one."""
    generator = torch.Generator().manual_seed(seed)
    norm = norm.double()
    with torch.no_grad():
        for tensor in [*norm.parameters(), *norm.buffers()]:
            if tensor.is_floating_point():
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator, dtype=torch.float64))
    return norm


def loop(xs: Tensor, norm: Any) -> Tensor:
    return torch.stack([norm(x) for x in xs])


def calls_of(xs: Tensor, norm: Any) -> tuple[Tensor, int]:
    """The normalized steps, and how often torch's batch normalization was called."""
    with patch("torch.nn.functional.batch_norm", wraps=F.batch_norm) as counted:
        return batch_norm_of_steps(xs, norm), counted.call_count


@given(
    sizes=st.lists(st.integers(1, 4), min_size=3, max_size=6),
    batch=st.integers(2, 4),
    momentum=MOMENTA,
    affine=st.booleans(),
    tracks=st.booleans(),
    training=st.booleans(),
    before=st.integers(0, 3),
    seed=st.integers(0, 2**31 - 1),
)
def test_outputs_gradients_and_statistics_are_those_of_the_loop(
    sizes: list[int],
    batch: int,
    momentum: float | None,
    affine: bool,
    tracks: bool,
    training: bool,
    before: int,
    seed: int,
) -> None:
    steps, channels, *rest = sizes
    xs = torch.randn(
        (steps, batch, channels, *rest[1:]), generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    norm = KINDS[xs.dim() - 2](channels, momentum=momentum, affine=affine, track_running_stats=tracks)
    norm = randomized(norm, seed).train(training)
    if tracks:
        norm.num_batches_tracked.fill_(before)
    twin = copy.deepcopy(norm)
    upstream = torch.randn(xs.shape, generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64)
    results = []
    for of_steps, layer in ((batch_norm_of_steps, norm), (loop, twin)):
        leaf = xs.clone().requires_grad_()
        out = of_steps(leaf, layer)
        (out * upstream).sum().backward()
        results.append((out.detach(), leaf.grad, [p.grad for p in layer.parameters()], dict(layer.named_buffers())))
    torch.testing.assert_close(results[0], results[1], rtol=1e-12, atol=1e-12)


def test_small_steps_take_one_call_and_large_ones_no_call_of_the_layer(largest: int) -> None:
    expected = 1 if largest == SMALL else 0
    assert calls_of(torch.randn(7, 5, 3, 2, 2), nn.BatchNorm2d(3))[1] == expected
    expected = 0 if offered("batch_norm", "cpu") else expected  # a kernel takes channels that lie side by side
    layers = nn.BatchNorm1d(3), nn.BatchNorm1d(3, track_running_stats=False), nn.BatchNorm1d(3).train()
    assert [calls_of(torch.randn(7, 5, 3), layer)[1] for layer in layers] == 3 * [expected]


@pytest.mark.parametrize("dim", [4, 5])
def test_channels_last_images_stay_channels_last(dim: int) -> None:
    form = {4: torch.channels_last, 5: torch.channels_last_3d}[dim]
    rows = torch.randn(6, 3, *[5, 7, 2][: dim - 2]).to(memory_format=form)
    xs = rows.unflatten(0, (2, 3))
    norm = randomized(KINDS[dim - 1](3)).float()
    twin = copy.deepcopy(norm)
    out = batch_norm_of_steps(xs, norm)
    assert out[1].is_contiguous(memory_format=form)
    assert out.flatten(0, 1).data_ptr() == out.data_ptr()
    torch.testing.assert_close(out, loop(xs, twin))
    torch.testing.assert_close(dict(norm.named_buffers()), dict(twin.named_buffers()))


@pytest.mark.parametrize("channels", [1, 3, 12, 15, 16, 17])
@pytest.mark.parametrize("pixels", [(4, 2), (3, 5), (2, 3)], ids=str)
@pytest.mark.parametrize("affine", [True, False], ids=["weights", "no weights"])
def test_gradients_of_channels_last_images_are_those_of_the_loop(
    channels: int, pixels: tuple[int, int], affine: bool
) -> None:
    rows = torch.randn(2 * 3, channels, *pixels, dtype=torch.float64).to(memory_format=torch.channels_last)
    norm = randomized(nn.BatchNorm2d(channels, affine=affine))
    of_out = torch.randn(2, 3, channels, *pixels, dtype=torch.float64)
    results = []
    for run in (batch_norm_of_steps, loop):
        xs = (5 + rows).unflatten(0, (2, 3)).requires_grad_()
        inputs = [xs, *norm.parameters()]
        results.append(torch.autograd.grad(run(xs, norm), inputs, of_out))
    close(results[0], results[1])


@pytest.mark.parametrize("order", [(2, 0, 1, 3), (1, 3, 0, 2), (0, 1, 3, 2)], ids=str)
def test_the_layout_of_the_input_does_not_matter(order: tuple[int, ...]) -> None:
    stored = torch.randn([(4, 5, 3, 2)[axis] for axis in order], dtype=torch.float64)
    xs = stored.permute([order.index(axis) for axis in range(4)])
    assert xs.shape == (4, 5, 3, 2)
    norm = randomized(nn.BatchNorm1d(3))
    twin = copy.deepcopy(norm)
    close(batch_norm_of_steps(xs, norm), loop(xs, twin))
    close(batch_norm_of_steps(xs[:, ::2], norm), loop(xs[:, ::2], twin))
    close(dict(norm.named_buffers()), dict(twin.named_buffers()))


@pytest.mark.parametrize("channels", [12, 16, 64])
def test_channels_last_images_are_normalized_as_exactly_as_others(channels: int) -> None:
    # torch sums them in an order of its own, with errors that move membranes over their threshold
    images = 1 + 2 * torch.randn(2, 16, channels, 32, 31, generator=torch.Generator().manual_seed(0))
    norm = nn.BatchNorm2d(channels)
    exact = loop(images.double(), copy.deepcopy(norm).double())

    def error(out: Tensor) -> float:
        return (out - exact).abs().mean().item()

    last = images.flatten(0, 1).contiguous(memory_format=torch.channels_last).unflatten(0, images.shape[:2])
    assert error(batch_norm_of_steps(last, copy.deepcopy(norm))) <= 2 * error(loop(images, copy.deepcopy(norm)))


def test_the_gradient_of_the_gradient_is_right() -> None:
    norm = randomized(nn.BatchNorm1d(3))
    xs = torch.randn(4, 5, 3, dtype=torch.float64, requires_grad=True)

    def of(xs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(Steps(norm), {"norm.weight": weight, "norm.bias": bias}, (xs,))

    inputs = (xs, norm.weight, norm.bias)
    assert torch.autograd.gradcheck(of, inputs)
    assert torch.autograd.gradgradcheck(of, inputs)


class Steps(nn.Module):
    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, xs: Tensor) -> Tensor:
        return batch_norm_of_steps(xs, self.norm)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("narrow_layer", [True, False])
def test_in_other_dtypes_numbers_are_those_of_the_loop_up_to_rounding(dtype: torch.dtype, narrow_layer: bool) -> None:
    norm = randomized(nn.BatchNorm1d(3)).to(dtype if narrow_layer else torch.float32)
    twin = copy.deepcopy(norm)
    results = []
    for of_steps, layer in ((batch_norm_of_steps, norm), (loop, twin)):
        xs = torch.randn(7, 5, 3, generator=torch.Generator().manual_seed(3)).to(dtype).requires_grad_()
        out = of_steps(xs, layer)
        out.square().sum().backward()
        results.append((out, xs.grad, [p.grad for p in layer.parameters()], dict(layer.named_buffers())))
    assert results[0][0].dtype == results[1][0].dtype
    rounding = 4 * torch.finfo(dtype).eps
    # the gradient of the input is a difference of terms of this size
    spread = xs.detach().double().var(1, correction=0).add(norm.eps).sqrt()
    term = float(norm.weight.detach().abs().max() / spread.min() * (2 * out).detach().abs().max())
    for index, largest in enumerate([1.0, term, 1.0, 1.0]):
        torch.testing.assert_close(results[0][index], results[1][index], rtol=rounding, atol=rounding * largest)


def test_under_autocast_outputs_are_those_of_the_loop() -> None:
    norm, xs = nn.BatchNorm1d(3), torch.randn(7, 5, 4)
    project, twin = nn.Linear(4, 3), copy.deepcopy(norm)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours, expected = batch_norm_of_steps(project(xs), norm), loop(project(xs), twin)
    assert ours.dtype == expected.dtype
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(dict(norm.named_buffers()), dict(twin.named_buffers()))


def test_one_step_repeated_in_the_same_memory_is_normalized_in_every_step() -> None:
    norm, xs = randomized(nn.BatchNorm1d(3)), torch.randn(5, 3, dtype=torch.float64).expand(7, 5, 3)
    twin = copy.deepcopy(norm)
    close(batch_norm_of_steps(xs, norm), loop(xs, twin))
    close(dict(norm.named_buffers()), dict(twin.named_buffers()))


class Doubled(nn.BatchNorm1d):
    def forward(self, x: Tensor) -> Tensor:  # pyrefly: ignore[bad-override]  (another name for the input)
        return 2 * super().forward(x)


def hooked(norm: nn.Module) -> nn.Module:
    norm.register_forward_hook(lambda module, args, out: out + 1)
    return norm


def replaced(norm: Any) -> Any:
    norm.forward = lambda x: 3 * x
    return norm


def incomplete(norm: Any) -> Any:
    norm.num_batches_tracked = None
    return norm


@pytest.mark.parametrize(
    "norm",
    [
        Doubled(3),
        hooked(nn.BatchNorm1d(3)),
        replaced(nn.BatchNorm1d(3)),
        incomplete(nn.BatchNorm1d(3)),
        nn.utils.parametrizations.weight_norm(nn.BatchNorm1d(3), "weight", dim=None),
        nn.BatchNorm1d(3).eval(),
        nn.SyncBatchNorm(3),
    ],
    ids=lambda norm: type(norm).__name__,
)
def test_a_layer_that_does_anything_else_is_called_for_each_step(norm: nn.Module) -> None:
    twin, xs = copy.deepcopy(norm), torch.randn(4, 5, 3)
    torch.testing.assert_close(batch_norm_of_steps(xs, norm), loop(xs, twin))
    torch.testing.assert_close(dict(norm.named_buffers()), dict(twin.named_buffers()))


@pytest.mark.parametrize(
    ("norm", "shape"),
    [
        (nn.BatchNorm1d(3), (4, 1, 3)),
        (nn.BatchNorm2d(3), (4, 1, 3, 1, 1)),
        (nn.BatchNorm1d(3), (4, 5, 2)),
        (nn.BatchNorm1d(3, affine=False, track_running_stats=False), (4, 1, 3)),
        (nn.BatchNorm2d(3), (4, 5, 3)),
        (nn.BatchNorm1d(3), (4, 5, 3, 2, 2)),
    ],
)
def test_errors_are_those_of_the_layer(norm: nn.Module, shape: tuple[int, ...]) -> None:
    with pytest.raises((ValueError, RuntimeError)) as expected:
        norm(torch.zeros(shape[1:]))
    with pytest.raises(expected.type) as error:
        batch_norm_of_steps(torch.zeros(shape), norm)
    assert str(error.value) == str(expected.value)


def test_a_function_transform_gets_the_same_numbers() -> None:
    norm, xs = randomized(nn.BatchNorm1d(3, track_running_stats=False)), torch.randn(4, 5, 3, dtype=torch.float64)
    ours, expected = (
        torch.func.grad(lambda xs, f=f: (f(xs, norm) ** 3).sum())(xs)  # type: ignore[misc]
        for f in (batch_norm_of_steps, loop)
    )
    close(ours, expected)


def test_a_compiler_takes_it_as_a_whole() -> None:
    norm, xs = randomized(nn.BatchNorm1d(3)), torch.randn(4, 5, 3, dtype=torch.float64)
    twin = copy.deepcopy(norm)
    compiled = torch.compile(Steps(norm), fullgraph=True, backend="eager")
    close(compiled(xs), loop(xs, twin))
    close(dict(norm.named_buffers()), dict(twin.named_buffers()))
