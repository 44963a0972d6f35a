"""Convolutions of spikes: the numbers of torch's convolution, with its gradients, wherever the sums are taken."""

from __future__ import annotations

import gc
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

import snn_core as snn
from snn_core.engines import convolutions as core
from snn_core.engines.convolutions import Moves
from snn_cpu import convolutions, products
from snn_cpu.convolutions import SpikeAwareConvolution

from .specification import near

ops = torch.ops.snn_cpu
DTYPES = [torch.float32, torch.float64]


@pytest.fixture(params=[1.0, -1.0], ids=["sparse gradients", "dense gradients"])
def always(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Sums are taken of every input, and for the gradient of every input or of none."""
    monkeypatch.setattr(convolutions, "highest_share", lambda shape, moves: 1.0)
    monkeypatch.setattr(products, "highest_rate", lambda rows, columns: 1.0)
    monkeypatch.setattr(convolutions, "_HIGHEST_GRADIENT", request.param)


def spikes(*shape: int, rate: float = 0.2, dtype: torch.dtype = torch.float64) -> Tensor:
    return (torch.rand(shape) < rate).to(dtype)


def layer(out: int, channels: int, *kernel: int, bias: bool = True, dtype: torch.dtype = torch.float64) -> list[Any]:
    weight = torch.randn(out, channels, *kernel, dtype=dtype).requires_grad_()
    return [weight, torch.randn(out, dtype=dtype).requires_grad_() if bias else None]


def dyadic(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Multiples of 1/64 that are small enough for no sum of theirs to be rounded."""
    return torch.randint(-64, 65, shape).to(dtype) / 64


Pair = tuple[int, int]


def ours(
    x: Tensor, weight: Tensor, bias: Tensor | None, padding: Pair = (0, 0), stride: Pair = (1, 1)
) -> tuple[Tensor, str]:
    return SpikeAwareConvolution().conv2d(x, weight, bias, Moves(stride, padding))


def both(
    x: Tensor, weight: Tensor, bias: Tensor | None, padding: Pair = (0, 0), stride: Pair = (1, 1)
) -> tuple[list[Tensor], list[Tensor], str]:
    """Output and gradients of x, weight and bias: ours, torch's; and how ours was computed."""
    inputs = [t for t in (x, weight, bias) if t is not None and t.requires_grad]
    out, reason = ours(x, weight, bias, padding, stride)
    expected = F.conv2d(x, weight, bias, stride, padding)
    g = dyadic(*expected.shape, dtype=x.dtype)
    gradients = torch.autograd.grad(out, inputs, g), torch.autograd.grad(expected, inputs, g)
    return [out, *gradients[0]], [expected, *gradients[1]], reason


# images, channels, height, width; out, rows, columns; padding; stride
SIZES = [
    ((1, 1, 1, 1), (1, 1, 1), (0, 0), (1, 1)),
    ((2, 1, 3, 5), (3, 3, 2), (0, 0), (1, 1)),
    ((3, 5, 7, 4), (2, 1, 1), (0, 0), (1, 1)),
    ((2, 3, 5, 9), (7, 3, 5), (1, 2), (1, 1)),
    ((5, 2, 9, 6), (17, 5, 3), (4, 2), (1, 1)),
    ((2, 7, 1, 40), (5, 1, 7), (0, 3), (1, 1)),
    ((2, 3, 11, 1), (5, 4, 1), (2, 0), (1, 1)),
    ((2, 4, 2, 3), (6, 2, 2), (3, 4), (1, 1)),  # windows that lie outside of the image altogether
    ((70, 12, 7, 7), (64, 5, 5), (0, 0), (1, 1)),
    ((3, 65, 6, 5), (33, 3, 3), (1, 1), (1, 1)),
    ((3, 65, 6, 5), (33, 3, 3), (1, 1), (2, 2)),
    ((70, 12, 8, 7), (64, 3, 3), (1, 1), (2, 2)),
    ((2, 5, 9, 8), (7, 2, 2), (0, 0), (2, 2)),  # a last row that no window reaches
    ((2, 4, 2, 3), (6, 3, 4), (3, 4), (3, 2)),
    ((2, 3, 5, 11), (40, 4, 7), (2, 3), (1, 3)),
    ((3, 5, 7, 9), (9, 1, 1), (0, 0), (2, 2)),
    ((3, 5, 7, 9), (9, 1, 1), (0, 0), (3, 1)),
    ((3, 1, 7, 9), (9, 1, 1), (0, 0), (4, 5)),
    ((3, 5, 7, 9), (9, 1, 3), (0, 1), (1, 2)),
    ((3, 5, 7, 9), (9, 1, 1), (1, 2), (1, 1)),
]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("graded", [True, False], ids=["graded", "spikes"])
@pytest.mark.parametrize(("shape", "kernel", "padding", "stride"), SIZES)
@pytest.mark.usefixtures("always")
def test_values_and_gradients_are_those_of_torch(
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    padding: Pair,
    stride: Pair,
    graded: bool,
    bias: bool,
    dtype: torch.dtype,
) -> None:
    x = spikes(*shape, dtype=dtype)
    x = x * torch.randn_like(x) if graded else x
    weight, bias_ = layer(kernel[0], shape[1], *kernel[1:], bias=bias, dtype=dtype)
    result, expected, reason = both(x.requires_grad_(), weight, bias_, padding, stride)
    near(result, expected)
    assert reason.endswith(("sums over them", "sums over set bits"))
    assert reason.startswith("nonzero values at " if graded and x.any() else "spikes at ")


@pytest.mark.parametrize("out", [*range(1, 34), 47, 48, 64, 100, 128])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("stride", [(1, 1), (2, 2)], ids=["side by side", "strided"])
@pytest.mark.usefixtures("always")
def test_every_number_of_channels_is_exact_where_nothing_is_rounded(out: int, stride: Pair, dtype: torch.dtype) -> None:
    x = spikes(6, 5, 9, 8, dtype=dtype).requires_grad_()
    weight = dyadic(out, 5, 3, 4, dtype=dtype).requires_grad_()
    bias = dyadic(out, dtype=dtype).requires_grad_()
    result, expected, _ = both(x, weight, bias, (1, 2), stride)
    for left, right in zip(result, expected, strict=True):
        assert torch.equal(left, right)


@given(
    images=st.integers(0, 9),
    channels=st.integers(1, 70),
    out=st.integers(1, 130),
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    kernel=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    rate=st.sampled_from([0.0, 0.01, 0.3, 1.0]),
    graded=st.booleans(),
    threads=st.integers(1, 3),
    seed=st.integers(0, 2**16),
)
def test_any_size_and_rate_is_exact_where_nothing_is_rounded(
    images: int,
    channels: int,
    out: int,
    size: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    rate: float,
    graded: bool,
    threads: int,
    seed: int,
) -> None:
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    kernel = tuple(min(k, s + 2 * p) for k, s, p in zip(kernel, size, padding, strict=True))
    stride = tuple(min(s, k) for s, k in zip(stride, kernel, strict=True))
    x = spikes(images, channels, *size, rate=rate, dtype=torch.float32)
    x = x * torch.randint(-3, 4, x.shape) if graded else x
    weight, bias = dyadic(out, channels, *kernel), dyadic(out)
    rows = x.permute(0, 2, 3, 1).reshape(images * size[0], size[1] * channels).contiguous()
    bits, active, binary = ops.pack(rows, rows.numel(), False)
    assert active == (x != 0).sum()
    assert binary == bool(((x == 0) | (x == 1)).all())
    values = None if binary else rows
    y, finite = ops.sparse_convolution(bits, values, active, weight, bias, size, stride, padding)
    assert finite
    g = dyadic(*y.shape)
    sizes = channels, size, kernel, stride, padding
    of_weight, of_bias, finite = ops.sparse_convolution_gradient(bits, values, g, *sizes)
    assert finite
    if images:  # of none, torch 2.13 gives no convolution
        assert torch.equal(y.permute(0, 3, 1, 2), F.conv2d(x, weight, bias, stride, padding))
        images_first = g.permute(0, 3, 1, 2)
        expected = torch.nn.grad.conv2d_weight(x, weight.shape, images_first, stride, padding)
        assert torch.equal(of_weight, expected)
    else:
        assert y.shape[0] == 0
        assert not of_weight.any()
    assert torch.equal(of_bias, g.sum((0, 1, 2)))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("graded", [True, False], ids=["graded", "spikes"])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)], ids=["side by side", "strided"])
def test_the_number_of_threads_changes_no_bit(graded: bool, stride: Pair, dtype: torch.dtype) -> None:
    x = spikes(150 * 11, 10 * 6, dtype=dtype)
    x = x * torch.randn_like(x) if graded else x
    weight, g = torch.randn(33, 6, 3, 3, dtype=dtype), torch.randn(150, 11, 10, 33, dtype=dtype)
    runs: list[list[Tensor]] = []
    for threads in (1, 2, 3, 7):
        torch.set_num_threads(threads)
        bits, active, _ = ops.pack(x, x.numel(), False)
        values = x if graded else None
        out, _ = ops.sparse_convolution(bits, values, active, weight, None, (11, 10), stride, (1, 1))
        sizes = (11, 10), (3, 3), stride, (1, 1)
        back = ops.sparse_convolution_gradient(
            bits, values, g[:, : out.shape[1], : out.shape[2]].contiguous(), 6, *sizes
        )
        runs.append([bits, out, *back[:2]])
    for run in runs[1:]:
        assert all(torch.equal(left, right) for left, right in zip(run, runs[0], strict=True))


def test_a_sum_of_very_many_equal_gradients_stays_accurate() -> None:
    images, size = 4000, (10, 10)
    x, g = torch.ones(images * 10, 10), torch.full((images, *size, 3), 0.1)
    bits, _, _ = ops.pack(x, x.numel(), False)
    of_weight, of_bias, _ = ops.sparse_convolution_gradient(bits, None, g, 1, size, (1, 1), (1, 1), (0, 0))
    expected = 0.1 * g[..., 0].numel()
    torch.testing.assert_close(of_bias, torch.full((3,), expected), rtol=1e-5, atol=0)
    torch.testing.assert_close(of_weight.flatten(), torch.full((3,), expected), rtol=5e-5, atol=0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("at", [(0, 0), (129, 69), (64, 3)])
def test_a_value_that_is_not_finite_makes_the_convolution_dense(value: float, at: tuple[int, int]) -> None:
    x = spikes(130, 70, dtype=torch.float32)
    assert ops.pack(x, x.numel(), False)[1] == x.sum()
    x[at] = value
    assert ops.pack(x, x.numel(), False)[1:] == (-1, False)


@pytest.mark.parametrize("value", [0.5, 2.0, -1.0, 1e-45, 1.0000001])
def test_values_that_are_not_one_are_noticed(value: float) -> None:
    x = spikes(130, 70, dtype=torch.float32)
    assert ops.pack(x, x.numel(), False)[2]
    x[129, 69] = value
    assert ops.pack(x, x.numel(), False)[1:] == ((x != 0).sum(), False)


@pytest.mark.usefixtures("always")
def test_negative_zero_is_zero() -> None:
    x = torch.tensor([[-0.0, 1.0, 0.0], [1.0, -0.0, 1.0]], dtype=torch.float64).view(1, 1, 2, 3)
    result, expected, reason = both(x, *layer(4, 1, 2, 2))
    near(result, expected)
    assert reason == "spikes at 50.0 %: sums over them"


def test_looking_ends_at_the_rate_from_which_it_would_not_gain() -> None:
    x = spikes(400, 100, rate=0.5)
    active = int(x.sum())
    assert ops.pack(x, active, False)[1] == active
    assert ops.pack(x, active - 1, False)[1] == -1
    assert ops.pack(torch.zeros(400, 100), 0, False)[1] == 0


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.contiguous(memory_format=torch.channels_last),
        lambda x: x[:, :, 2:, 1:],
        lambda x: x[::2],
        lambda x: x[:1].expand(4, -1, -1, -1),
        lambda x: x.transpose(2, 3),
    ],
)
@pytest.mark.usefixtures("always")
def test_input_weights_and_gradients_in_any_order_in_memory(view: Any) -> None:
    base = spikes(6, 5, 8, 9).requires_grad_()
    x = view(base)
    weight, bias = layer(7, 5, 3, 2)
    weight = weight.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    inputs = [base, weight, bias]
    out, _ = ours(x, weight, bias)
    expected = F.conv2d(x, weight, bias)
    assert out.is_contiguous(memory_format=torch.channels_last)
    for g in (torch.randn_like(expected), torch.randn_like(out), torch.ones(()).double().expand_as(out)):
        gradients = torch.autograd.grad(out, inputs, g, retain_graph=True)
        near([out, *gradients], [expected, *torch.autograd.grad(expected, inputs, g, retain_graph=True)])


@pytest.mark.parametrize("value", [float("inf"), float("nan"), -float("inf")])
@pytest.mark.usefixtures("always")
def test_weights_that_are_not_finite_spread_as_in_a_convolution(value: float) -> None:
    x, (weight, bias) = spikes(4, 3, 6, 6), layer(5, 3, 2, 2)
    weight.data[3, 1, 0, 1] = value
    out, reason = ours(x, weight, bias)
    torch.testing.assert_close(out, F.conv2d(x, weight, bias), equal_nan=True)
    assert reason == "dense convolution, as a weight is not finite"


@pytest.mark.parametrize("value", [float("inf"), float("nan"), -float("inf")])
@pytest.mark.usefixtures("always")
def test_a_bias_that_is_not_finite_stays_in_its_channel(value: float) -> None:
    x, (weight, bias) = spikes(4, 3, 6, 6), layer(5, 3, 2, 2)
    bias.data[3] = value
    out, reason = ours(x, weight, bias)
    torch.testing.assert_close(out, F.conv2d(x, weight, bias), equal_nan=True)
    assert reason.endswith("sums over them")


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1.7e308])
@pytest.mark.usefixtures("always")
def test_gradients_that_are_not_finite_spread_as_in_a_convolution(value: float) -> None:
    x, (weight, bias) = spikes(4, 3, 6, 6).requires_grad_(), layer(5, 3, 2, 2)
    inputs, g = [x, weight, bias], torch.randn(4, 5, 5, 5, dtype=torch.float64)
    g[1, 3, 2, 2] = g[2, 3, 0, 0] = value  # the sum of the last of them is infinite
    out, expected = ours(x, weight, bias)[0], F.conv2d(x, weight, bias)
    for left, right in zip(torch.autograd.grad(out, inputs, g), torch.autograd.grad(expected, inputs, g), strict=True):
        torch.testing.assert_close(left, right, equal_nan=True)


@pytest.mark.parametrize("needs", [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1) if a + b + c])
@pytest.mark.parametrize("graded", [True, False], ids=["graded", "spikes"])
@pytest.mark.usefixtures("always")
def test_only_what_is_asked_for_is_computed(needs: tuple[int, int, int], graded: bool) -> None:
    x = spikes(4, 3, 6, 6) * (0.5 if graded else 1)
    leaves = [t.detach().requires_grad_(bool(n)) for t, n in zip((x, *layer(5, 3, 2, 2)), needs, strict=True)]
    out, _ = ours(*leaves)
    assert type(out.grad_fn).__name__ == "_Conv2dBackward"
    out.square().sum().backward()
    other = [t.detach().requires_grad_(t.requires_grad) for t in leaves]
    F.conv2d(*other).square().sum().backward()
    for leaf, expected in zip(leaves, other, strict=True):
        assert (leaf.grad is None) == (expected.grad is None)
        if expected.grad is not None:
            near([leaf.grad], [expected.grad])


@pytest.mark.parametrize("graded", [True, False], ids=["graded", "spikes"])
@pytest.mark.parametrize(
    ("kernel", "padding", "stride"),
    [((2, 2), (1, 0), (1, 1)), ((3, 2), (1, 0), (2, 2)), ((1, 1), (0, 0), (3, 2)), ((1, 1), (0, 0), (1, 1))],
)
@pytest.mark.usefixtures("always")
def test_gradients_may_be_differentiated_again(graded: bool, kernel: Pair, padding: Pair, stride: Pair) -> None:
    x = (spikes(4, 3, 6, 7) * (0.5 if graded else 1)).requires_grad_()
    inputs = [x, *layer(5, 3, *kernel)]

    def second(out: Tensor) -> list[Tensor]:
        first = torch.autograd.grad(out.tanh().sum(), inputs, create_graph=True)
        return list(torch.autograd.grad(sum(f.square().sum() for f in first), inputs))

    near(second(ours(*inputs, padding, stride)[0]), second(F.conv2d(*inputs, stride, padding)))


@pytest.mark.usefixtures("always")
def test_gradcheck() -> None:
    weight, bias = layer(3, 2, 2, 3)
    x = spikes(2, 2, 4, 5)
    assert torch.autograd.gradcheck(lambda w, b: ours(x, w, b, (1, 1))[0], (weight, bias))
    assert torch.autograd.gradgradcheck(lambda w, b: ours(x, w, b, (1, 1))[0].tanh(), (weight, bias))
    x = torch.rand(2, 2, 4, 5, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda *args: ours(*args, (0, 2))[0], (x, weight, bias))
    assert torch.autograd.gradcheck(lambda *args: ours(*args, (0, 2), (2, 3))[0], (x, weight, bias))


@pytest.mark.parametrize("needs", [(1, b, c) for b in (0, 1) for c in (0, 1)])
@pytest.mark.usefixtures("always")
def test_dense_input_with_gradients(needs: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolutions, "highest_share", lambda shape, moves: 0.0)
    numbers = torch.randn(4, 3, 6, 7, dtype=torch.float64), *layer(5, 3, 2, 3)
    leaves = [t.detach().requires_grad_(bool(n)) for t, n in zip(numbers, needs, strict=True)]
    inputs = [t for t in leaves if t.requires_grad]
    out, reason = ours(*leaves, (1, 0))
    assert reason.startswith("dense convolution")
    assert type(out.grad_fn).__name__ == "_Conv2dBackward"
    expected = F.conv2d(*leaves, padding=(1, 0))
    assert torch.equal(out, expected)
    near(*([o, *torch.autograd.grad(o.square().sum(), inputs, retain_graph=True)] for o in (out, expected)))
    first = [torch.autograd.grad(o.square().sum(), inputs, create_graph=True) for o in (out, expected)]
    near(list(first[0]), list(first[1]))
    near(*(list(torch.autograd.grad(sum(f.square().sum() for f in gradients), inputs)) for gradients in first))


@pytest.mark.parametrize(("size", "stride"), [(2, (1, 1)), (2, (2, 2)), (1, (1, 1)), (1, (2, 3))])
@pytest.mark.usefixtures("always")
def test_a_batch_of_gradients_at_once(size: int, stride: Pair) -> None:
    inputs = [spikes(4, 3, 6, 6).requires_grad_(), *layer(5, 3, size, size)]
    expected = F.conv2d(*inputs, stride)
    g = torch.randn(3, *expected.shape, dtype=torch.float64)
    outs = ours(*inputs, stride=stride)[0], expected
    near(*(list(torch.autograd.grad(out, inputs, g, is_grads_batched=True)) for out in outs))


@pytest.mark.parametrize(("kernel", "stride"), [((3, 3), (1, 1)), ((3, 3), (2, 2)), ((1, 1), (1, 1)), ((1, 1), (2, 2))])
@pytest.mark.usefixtures("always")
def test_spikes_are_kept_as_bits(kernel: Pair, stride: Pair) -> None:
    x, (weight, bias) = spikes(64, 64, 16, 16, dtype=torch.float32), layer(4, 64, *kernel, dtype=torch.float32)
    sizes: list[int] = []

    def pack(tensor: Tensor) -> Tensor:
        if tensor.numel() != weight.numel():
            sizes.append(tensor.untyped_storage().nbytes())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        ours(x, weight, bias, stride=stride)
    assert sum(sizes) <= x.nbytes // 32 + 16
    with torch.no_grad():
        assert ours(x, weight, bias)[0].grad_fn is None


@pytest.mark.parametrize("graded", [True, False], ids=["graded", "spikes"])
@pytest.mark.usefixtures("always")
def test_a_change_before_the_backward_pass_is_an_error(graded: bool) -> None:
    for changed in (0, 1)[: 1 + graded]:
        x = (spikes(4, 3, 6, 6) * (0.5 if graded else 1)).requires_grad_()
        weight, bias = layer(5, 3, 2, 2)
        out, _ = ours(x, weight, bias)
        with torch.no_grad():
            (weight, x)[changed].mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            out.sum().backward()


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.usefixtures("always")
def test_the_output_may_be_changed_in_place_and_the_graph_used_twice(size: int) -> None:
    x, (weight, bias) = spikes(4, 3, 6, 6), layer(5, 3, size, size)
    out, expected = F.relu_(ours(x, weight, bias)[0]), F.relu(F.conv2d(x, weight, bias))
    with torch.no_grad():
        untracked, _ = ours(x, weight, bias)
    near([F.relu_(untracked)], [expected])
    inputs = [weight, bias]
    first = torch.autograd.grad(out.sum(), inputs, retain_graph=True)
    near([out, *first], [expected, *torch.autograd.grad(expected.sum(), inputs)])
    near(list(torch.autograd.grad(out.sum(), inputs)), list(first))


def test_a_buffer_is_not_used_again_while_a_tensor_refers_to_it() -> None:
    x, (weight, bias) = spikes(100, 8, 16, 16, rate=0.1, dtype=torch.float32), layer(32, 8, 3, 3, dtype=torch.float32)
    x.requires_grad_()
    alive, copies = [], []
    for step in range(6):
        out, reason = ours(x, weight + step, bias)
        assert reason.endswith("sums over them")
        tensors = [out.detach(), out.detach().flatten()[7:], *torch.autograd.grad(out, [x, weight], out.detach())]
        if step % 2:
            alive.append(tensors)
            copies.append([t.clone() for t in tensors])
        del out, tensors
        gc.collect()
    for tensors, copied in zip(alive, copies, strict=True):
        assert all(torch.equal(left, right) for left, right in zip(tensors, copied, strict=True))


def test_the_rates_up_to_which_sums_are_taken() -> None:
    x, (weight, bias) = spikes(40, 4, 12, 12, rate=0.15), layer(8, 4, 3, 3)
    assert ours(x, weight, bias)[1].startswith("spikes at 14.9 %")
    assert ours(1 - x, weight, bias)[1] == "dense convolution, as more than 25 % of its input is nonzero"
    near([ours(1 - x, weight, bias)[0]], [F.conv2d(1 - x, weight, bias)])
    single = weight[..., :1, :1]
    assert ours(x, single, bias)[1] == "spikes at 14.9 %: sums over set bits"
    dense = "dense convolution, as more than 10 % of its input is nonzero, and not as spikes at a rate of up to 96 %"
    assert ours(0.5 * x, single, bias)[1] == "spikes at 14.9 %: sums over set bits"
    assert ours((0.5 + torch.rand_like(x)) * x, single, bias)[1] == dense
    assert ours((0.5 + torch.rand_like(x)) * x * spikes(12, rate=0.5), single, bias)[1].startswith("nonzero values at ")
    x, (weight, bias) = spikes(40, 8, 12, 12, rate=0.34), layer(32, 8, 3, 3)
    assert ours(x, weight, bias)[1].startswith("spikes at 33.9 %")
    assert ours(1 - x, weight, bias)[1] == "dense convolution, as more than 35 % of its input is nonzero"
    strided = ours(x, weight, bias, stride=(2, 1))[1]
    assert strided == "dense convolution, as more than 30 % of its input is nonzero"
    strided = ours(x, weight[:8], bias[:8], stride=(2, 2))[1]
    assert strided == "dense convolution, as more than 15 % of its input is nonzero"


@pytest.mark.parametrize("rate", [0.1, 0.9], ids=["spikes", "dense"])
def test_the_gradient_of_the_input_is_of_sums_behind_pooling_and_torchs_elsewhere(
    rate: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Tensor] = []
    by_torch = convolutions._by_torch
    monkeypatch.setattr(convolutions, "_by_torch", lambda *args: calls.append(args[0]) or by_torch(*args))
    x, (weight, bias) = spikes(40, 4, 12, 12, rate=rate).requires_grad_(), layer(8, 4, 3, 3)
    g = torch.randn(40, 8, 5, 5, dtype=torch.float64)

    def gradient(convolved: Tensor, pool: bool) -> list[Tensor]:
        if pool:
            return list(torch.autograd.grad(F.max_pool2d(convolved, 2), x, g))
        return list(torch.autograd.grad(convolved[..., ::2, ::2] + convolved[..., 1::2, 1::2], x, g))

    for pool, dense in ((True, 0), (False, 1)):
        calls.clear()
        near(gradient(ours(x, weight.detach(), bias)[0], pool), gradient(F.conv2d(x, weight, bias), pool))
        assert len(calls) == dense


ONES = torch.ones(9, 3, 8, 8)


@pytest.mark.parametrize(
    ("x", "weight", "bias", "moves", "reason"),
    [
        (ONES, torch.ones(2, 3, 3, 3), None, Moves(), "too little work for a gain"),
        (ONES[:0], torch.ones(2, 3, 3, 3), None, Moves(), "too little work for a gain"),
        (ONES, torch.ones(2, 3, 3, 3), None, Moves(stride=(2, 3)), "too little work for a gain"),
        (ONES, torch.ones(2, 3, 1, 1), None, Moves(stride=(8, 9)), "too little work for a gain"),
        (
            ONES,
            torch.ones(2, 3, 2, 3),
            None,
            Moves(stride=(3, 3)),
            "stride 3 x 3; it takes strides of up to the size of the kernel",
        ),
        (
            ONES,
            torch.ones(2, 3, 1, 1),
            None,
            Moves((1, 2), padding=(1, 1)),
            "stride 1 x 2; it takes strides of up to the size of the kernel",
        ),
        (
            torch.ones(1).expand(64, 16, 64, 64),
            torch.ones(15, 16, 2, 2),
            None,
            Moves((2, 1)),
            "too little work for a gain",
        ),
        (ONES, torch.ones(2, 3, 3, 3), None, Moves(stride=(0, 1)), "not images into which the kernel fits"),
        (ONES, torch.ones(2, 3, 3, 3), None, Moves(dilation=(2, 2)), "dilation 2 x 2; it takes 1 x 1"),
        (ONES, torch.ones(3, 1, 3, 3), None, Moves(groups=3), "3 groups of channels; it takes one"),
        (ONES[0], torch.ones(2, 3, 3, 3), None, Moves(), "not images into which the kernel fits"),
        (ONES, torch.ones(2, 3, 9, 3), None, Moves(), "not images into which the kernel fits"),
        (ONES, torch.ones(2, 4, 3, 3), None, Moves(), "not images into which the kernel fits"),
        (ONES, torch.ones(2, 3, 3, 3), torch.ones(3), Moves(), "not images into which the kernel fits"),
        (ONES.half(), torch.ones(2, 3, 3, 3), None, Moves(), "float16 input; it takes float32 and float64"),
        (
            ONES,
            torch.ones(2, 3, 3, 3).double(),
            None,
            Moves(),
            "weight and bias do not have the dtype of the input",
        ),
        (
            torch.ones(1).expand(1, 1, 2**14, 2**14),
            torch.ones(2, 1, 3, 3),
            None,
            Moves(),
            "the images or the kernel are too large",
        ),
    ],
)
def test_refusals(x: Tensor, weight: Tensor, bias: Tensor | None, moves: Moves, reason: str) -> None:
    assert SpikeAwareConvolution().refuses(x, weight, bias, moves) == reason


def test_the_library_refuses_what_does_not_fit_together() -> None:
    x, weight = torch.ones(16, 40), torch.ones(3, 5, 3, 3)  # 2 images of 8 x 8 x 5
    bits, active, _ = ops.pack(x, 1000, False)
    sizes = (8, 8), (1, 1), (0, 0)
    with pytest.raises(RuntimeError, match="images of 8 x 30 x 5 take 8 rows of 3 words of bits, got 16 x 1"):
        ops.sparse_convolution(bits, None, active, weight, None, (8, 30), (1, 1), (0, 0))
    with pytest.raises(RuntimeError, match="bias must be contiguous, of the dtype of x, and have 3 elements; it has 2"):
        ops.sparse_convolution(bits, None, active, weight, torch.ones(2), *sizes)
    with pytest.raises(RuntimeError, match="values must be contiguous, of the dtype of x, and have 640 elements"):
        ops.sparse_convolution(bits, x[1:], active, weight, None, *sizes)
    with pytest.raises(RuntimeError, match="no window of 9 with padding 0 fits into an image of 8"):
        ops.sparse_convolution(bits, None, active, torch.ones(3, 5, 9, 3), None, *sizes)
    with pytest.raises(RuntimeError, match="grad must have 2 images of 6 x 6, got 2 of 5 x 6"):
        ops.sparse_convolution_gradient(bits, None, torch.ones(2, 5, 6, 3), 5, (8, 8), (3, 3), (1, 1), (0, 0))
    with pytest.raises(RuntimeError, match=r"stride must be in 1\.\.kernel, got 4 for a kernel of 3"):
        ops.sparse_convolution(bits, None, active, weight, None, (8, 8), (1, 4), (0, 0))
    with pytest.raises(RuntimeError, match="x must have 2 axes and rows that are contiguous"):
        ops.pack(torch.ones(4, 4).t()[:, ::2], 10, False)
    with pytest.raises(RuntimeError, match="float32 and float64"):
        ops.pack(torch.ones(4, 4).half(), 10, False)


def lif() -> snn.Leaky:
    return snn.Leaky(beta=0.5, threshold=0.375, init_hidden=True, spike_grad=snn.surrogate.fast_sigmoid(slope=5))


def net(pool: bool = True) -> nn.Sequential:
    pools = [nn.MaxPool2d(2)] if pool else []
    return nn.Sequential(nn.Conv2d(2, 8, 5), lif(), nn.Conv2d(8, 16, 3, padding="same"), *pools, lif(), nn.Flatten())


class Recorded(nn.Module):
    """The same by functions of torch, in a forward of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 8, 5), nn.Conv2d(8, 16, 3)
        self.spike, self.out = lif(), lif()

    def forward(self, x: Tensor) -> Tensor:
        spk = self.spike(self.first(x))
        return self.out(F.max_pool2d(F.conv2d(spk, self.second.weight, self.second.bias, padding=1), 2))


def how_of(module: nn.Module, xs: Tensor) -> list[str]:
    schedule = snn.unroll(module, xs, explain=True)[1]
    return [layer.how for layer in schedule.layers if layer.kind == "Conv2d"]


def test_unroll_takes_sums_where_a_convolution_is_fed_by_little_and_says_so() -> None:
    xs = spikes(20, 16, 2, 20, 20, rate=0.05, dtype=torch.float32)
    module = net()
    with torch.no_grad():
        module[0].bias.fill_(-0.3)
    first, second = how_of(module, xs)
    assert first.startswith("all steps at once; spikes at ")
    assert first.endswith("%: sums over them (snn-cpu)")
    assert second.endswith("%: sums over them (snn-cpu)")
    assert "nonzero values at " in how_of(module, 0.5 * xs)[0]
    dense = "all steps at once; dense convolution, as more than 25 % of its input is nonzero (snn-cpu)"
    assert how_of(module, torch.rand(xs.shape))[0] == dense
    strided = nn.Sequential(nn.Conv2d(2, 32, 5, stride=2), lif())
    assert how_of(strided, xs)[0].endswith("%: sums over them (snn-cpu)")
    apart = nn.Sequential(nn.Conv2d(2, 8, 5, dilation=2), lif())
    assert how_of(apart, xs)[0] == "all steps at once; dense convolution (snn-cpu: dilation 2 x 2; it takes 1 x 1)"


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("options", [{}, {"chunk": 8}], ids=["whole", "chunks"])
@pytest.mark.parametrize("make", [net, lambda: net(pool=False), Recorded], ids=["pool", "no pool", "recorded"])
@pytest.mark.usefixtures("always")
def test_a_net_gives_the_spikes_and_gradients_of_the_loop(
    make: Any, options: dict[str, Any], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convolutions, "_SMALLEST", 0)
    module = make().to(dtype)
    with torch.no_grad():  # sums that are not rounded, so that no membrane is on another side of its threshold
        for parameter in module.parameters():
            parameter.copy_(dyadic(*parameter.shape, dtype=dtype) / 4)
    xs = spikes(12, 3, 2, 13, 11, rate=0.1, dtype=dtype).requires_grad_()
    inputs = [xs, *(p for name, p in module.named_parameters())]
    outs = [snn.unroll(module, xs, **options) for options in (options, {"schedule": "steps"})]
    assert torch.equal(*outs)
    g = torch.randn_like(outs[0])
    gradients, expected = ([out, *torch.autograd.grad(out, inputs, g)] for out in outs)
    near(gradients, expected)


def test_autocast_and_transforms_are_left_to_torch() -> None:
    x, (weight, bias) = spikes(64, 8, 16, 16, rate=0.1, dtype=torch.float32), layer(16, 8, 3, 3, dtype=torch.float32)
    assert core.conv2d(x, weight, bias)[1].startswith("spikes at ")
    with torch.autocast("cpu"):
        out, reason = core.conv2d(x, weight, bias)
        assert torch.equal(out, F.conv2d(x, weight, bias))
    assert reason == "dense convolution (under autocast)"
    with torch.no_grad():
        near([torch.vmap(lambda image: core.conv2d(image, weight, bias)[0])(x[None])[0]], [F.conv2d(x, weight, bias)])
