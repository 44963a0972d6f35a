"""The maximum over windows: torch's values and gradients bit by bit, from a byte for each window."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

import snn_core as snn
from snn_core.engines.products import Windows
from snn_cpu import max_pool
from snn_cpu.max_pool import ChannelsLast

DTYPES = [torch.float32, torch.float64]
HALVES = Windows((2, 2), (2, 2), (0, 0))


def images(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Few different values, so that windows hold the largest more than once."""
    numbers = torch.randint(-2, 3, shape).to(dtype)
    return numbers.contiguous(memory_format=torch.channels_last).requires_grad_()


def both(x: Tensor, windows: Windows) -> tuple[list[Tensor], list[Tensor]]:
    """Output and gradient: ours, torch's."""
    result, expected = ChannelsLast().max_pool2d(x, windows), F.max_pool2d(x, *windows)
    g = torch.randn_like(expected)
    return [result, *torch.autograd.grad(result, x, g)], [expected, *torch.autograd.grad(expected, x, g)]


def same(result: list[Tensor], expected: list[Tensor]) -> None:
    for left, right in zip(result, expected, strict=True):
        assert left.dtype == right.dtype
        torch.testing.assert_close(left, right, rtol=0, atol=0, equal_nan=True)


@st.composite
def windows_on_an_image(draw: st.DrawFn) -> tuple[Windows, int, int]:
    """Windows and the height and width of an image that they fit into, barely or with room."""
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    padding = (draw(st.integers(0, kernel[0] // 2)), draw(st.integers(0, kernel[1] // 2)))
    height, width = (max(k - 2 * p, 1) + draw(st.integers(0, 7)) for k, p in zip(kernel, padding, strict=True))
    return Windows(kernel, stride, padding), height, width


@given(
    options=windows_on_an_image(),
    count=st.integers(1, 5),
    channels=st.integers(1, 45),
    dtype=st.sampled_from(DTYPES),
    threads=st.integers(1, 3),
    seed=st.integers(0, 2**16),
)
def test_any_windows_give_what_torch_gives(
    options: tuple[Windows, int, int], count: int, channels: int, dtype: torch.dtype, threads: int, seed: int
) -> None:
    windows, height, width = options
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    same(*both(images(count, channels, height, width, dtype=dtype), windows))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_nan_and_infinity_come_through_as_in_torch(dtype: torch.dtype) -> None:
    x = images(40, 19, 6, 6, dtype=dtype).detach()
    x[torch.rand(x.shape) < 0.2] = float("nan")
    x[torch.rand(x.shape) < 0.2] = float("inf")
    x[torch.rand(x.shape) < 0.5] = float("-inf")
    same(*both(x.requires_grad_(), HALVES))
    same(*both(x.requires_grad_(), Windows((3, 3), (1, 1), (1, 1))))


def test_a_gradient_that_is_not_finite_goes_to_one_place_alone() -> None:
    x = images(1, 1, 2, 2)
    (gradient,) = torch.autograd.grad(ChannelsLast().max_pool2d(x, HALVES), x, torch.full((1, 1, 1, 1), float("inf")))
    assert gradient.isinf().sum() == 1
    assert (gradient == 0).sum() == 3


def test_gradcheck() -> None:
    x = torch.randperm(5 * 3 * 7 * 9).double().view(5, 3, 7, 9).contiguous(memory_format=torch.channels_last)
    x.requires_grad_()

    def pooled(x: Tensor) -> Tensor:
        return ChannelsLast().max_pool2d(x, Windows((3, 2), (2, 1), (1, 1)))

    assert torch.autograd.gradcheck(pooled, x, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(pooled, x, check_batched_grad=True)


def test_a_gradient_that_depends_on_the_input_only_by_what_was_largest_is_zero_and_connected() -> None:
    x = images(2, 3, 4, 4)
    (first,) = torch.autograd.grad(ChannelsLast().max_pool2d(x, HALVES).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert torch.equal(second, torch.zeros_like(x))


def test_only_a_byte_for_each_window_is_kept() -> None:
    x, sizes = images(8, 8, 16, 16), []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: sizes.append(t.untyped_storage().nbytes()) or t, lambda t: t
    ):
        out = ChannelsLast().max_pool2d(x, HALVES)
    assert sum(sizes) <= out.numel() + 4
    with torch.no_grad():
        assert ChannelsLast().max_pool2d(x, HALVES).grad_fn is None


def test_a_gradient_to_be_differentiated_under_another_default_device() -> None:
    x = images(2, 3, 4, 4)
    out = ChannelsLast().max_pool2d(x, HALVES)
    g = torch.ones_like(out)
    with torch.device("meta"):
        (gradient,) = torch.autograd.grad(out, x, g, create_graph=True)
    same([gradient], [*torch.autograd.grad(F.max_pool2d(x, 2), x, g)])


def test_the_output_is_channels_last_and_may_be_changed_in_place() -> None:
    out = ChannelsLast().max_pool2d(images(4, 3, 6, 6), HALVES)
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert not out._is_view()
    out.mul_(2)


@pytest.mark.parametrize(
    ("x", "windows"),
    [
        (torch.zeros(64, 8, 16, 16), HALVES),
        (torch.zeros(4, 8, 16, 16).contiguous(memory_format=torch.channels_last), HALVES),
        (torch.zeros(64, 8, 16, 16).bfloat16().contiguous(memory_format=torch.channels_last), HALVES),
        (torch.zeros(64, 8, 17, 17).contiguous(memory_format=torch.channels_last), Windows((17, 17), (1, 1), (0, 0))),
        (torch.zeros(4096, 16, 1, 1).contiguous(memory_format=torch.channels_last), HALVES),
    ],
    ids=["layout", "small", "dtype", "places", "no window fits"],
)
def test_unsupported_input_is_refused(x: Tensor, windows: Windows) -> None:
    assert not ChannelsLast().takes(x, windows)


def net() -> nn.Module:
    torch.manual_seed(1)
    first, second = (snn.Leaky(0.5, threshold=0.375, init_hidden=True) for _ in range(2))
    net = nn.Sequential(nn.Conv2d(2, 9, 3), nn.MaxPool2d(2), first, nn.Conv2d(9, 3, 2), nn.MaxPool2d(3, 1, 1), second)
    with torch.no_grad():
        for p in net.parameters():
            if p.dim():
                p.copy_(torch.randint(-3, 4, p.shape) / 8)
    return net


def trained(net: nn.Module, xs: Tensor, chunk: int | None = None, schedule: str = "auto") -> list[Tensor]:
    out = snn.unroll(net, xs, chunk=chunk, schedule=schedule)
    g = torch.randint(-2, 3, out.shape, generator=torch.Generator().manual_seed(3)).to(out)
    return [out, *torch.autograd.grad(out, list(net.parameters()), g)]


@pytest.mark.parametrize("chunk", [None, 3])
def test_a_net_that_pools_gives_what_the_loop_gives(monkeypatch: pytest.MonkeyPatch, chunk: int | None) -> None:
    monkeypatch.setattr(max_pool, "_SMALLEST", 1)
    called: list[Windows] = []
    pool = ChannelsLast.max_pool2d
    monkeypatch.setattr(ChannelsLast, "max_pool2d", lambda self, x, w: called.append(w) or pool(self, x, w))
    model, xs = net(), torch.randint(-1, 4, (7, 3, 2, 9, 10)) / 4
    expected = trained(model, xs, schedule="steps")
    assert not called
    result = trained(model, xs, chunk)
    assert set(called) == {HALVES, Windows((3, 3), (1, 1), (1, 1))}
    assert 0.02 < expected[0].mean() < 0.98
    assert torch.equal(result[0], expected[0])
    for left, right in zip(result[1:], expected[1:], strict=True):
        torch.testing.assert_close(left, right, rtol=0, atol=1e-5 * right.abs().max().item())


def test_the_operators_change_and_return_no_argument_and_check_what_they_are_given() -> None:
    ops, x = torch.ops.snn_cpu, torch.rand(3, 6, 7, 5)
    out, place = ops.max_pool2d(x, *HALVES)
    calls = (ops.max_pool2d, (x, *HALVES)), (ops.max_pool2d_gradient, (out, place, 6, 7, *HALVES))
    for operator, arguments in calls:
        results = torch.library.opcheck(operator.default, arguments, test_utils="test_schema")
        assert set(results.values()) == {"SUCCESS"}
    for arguments, message in (
        ((x.mT, *HALVES), "x must be contiguous with 4 axes"),
        ((x[0], *HALVES), "x must be contiguous with 4 axes"),
        ((x.half(), *HALVES), "maxima over windows are for float32 and float64"),
        ((x, (2,), (2, 2), (0, 0)), "two numbers each"),
        ((x, (2, 0), (2, 2), (0, 0)), "must be positive"),
        ((x, (2, 2), (2, 2), (2, 0)), "padding in 0..kernel/2"),
        ((x, (7, 2), (2, 2), (0, 0)), "no window of 7 fits into an image of 6"),
    ):
        with pytest.raises(RuntimeError, match=message):
            ops.max_pool2d(*arguments)
    with pytest.raises(RuntimeError, match="grad must have 2 x 3 windows, got 3 x 3"):
        ops.max_pool2d_gradient(out, place, 5, 7, *HALVES)
    with pytest.raises(RuntimeError, match="place must be contiguous"):
        ops.max_pool2d_gradient(out, place[:1], 6, 7, *HALVES)
