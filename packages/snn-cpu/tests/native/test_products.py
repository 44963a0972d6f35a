"""Linear layers fed by spikes: the numbers of torch's product, with its gradients, wherever the sums are taken."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

import snn_core as snn
from snn_core.engines import products as core_products
from snn_cpu import products
from snn_cpu.dense import by_onednn
from snn_cpu.products import SpikeAware, highest_rate

from .specification import near

ops = torch.ops.snn_cpu


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums are taken for every input of zeros and ones."""
    monkeypatch.setattr(products, "highest_rate", lambda rows, columns: 1.0)


def spikes(rows: int, features: int, rate: float = 0.2, dtype: torch.dtype = torch.float64) -> Tensor:
    return (torch.rand(rows, features) < rate).to(dtype)


def layer(features: int, columns: int, bias: bool = True, dtype: torch.dtype = torch.float64) -> list[Tensor | None]:
    weight = torch.randn(columns, features, dtype=dtype).requires_grad_()
    return [weight, torch.randn(columns, dtype=dtype).requires_grad_() if bias else None]


def dyadic(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Multiples of 1/64 that are small enough for no sum of theirs to be rounded."""
    return torch.randint(-64, 65, shape).to(dtype) / 64


def both(x: Tensor, weight: Tensor, bias: Tensor | None, g: Tensor) -> tuple[list[Tensor], list[Tensor], str]:
    """Output and gradients of x, weight and bias: ours, torch's; and how ours was computed."""
    inputs = [t for t in (x, weight, bias) if t is not None and t.requires_grad]
    out, reason = SpikeAware().linear(x, weight, bias)
    expected = F.linear(x, weight, bias)
    gradients = torch.autograd.grad(out, inputs, g), torch.autograd.grad(expected, inputs, g)
    return [out, *gradients[0]], [expected, *gradients[1]], reason


SIZES = [(1, 1, 1), (3, 1, 2), (5, 63, 3), (64, 64, 16), (65, 65, 17), (7, 127, 33), (130, 128, 64), (257, 129, 130)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize(("rows", "features", "columns"), SIZES)
@pytest.mark.usefixtures("always")
def test_values_and_gradients_are_those_of_torch(
    rows: int, features: int, columns: int, bias: bool, dtype: torch.dtype
) -> None:
    x = spikes(rows, features, dtype=dtype).requires_grad_()
    result, expected, reason = both(x, *layer(features, columns, bias, dtype), torch.randn(rows, columns, dtype=dtype))
    near(result, expected)
    assert reason.endswith("sums over set bits")


@pytest.mark.parametrize("unit", [4 / 3, 2.0, 0.25, 1e-30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("columns", [3, 16, 130])
@pytest.mark.usefixtures("always")
def test_spikes_of_another_size_are_added_up_too(columns: int, dtype: torch.dtype, unit: float) -> None:
    x = (unit * spikes(400, 70, dtype=dtype)).requires_grad_()
    result, expected, reason = both(x, *layer(70, columns, True, dtype), torch.randn(400, columns, dtype=dtype))
    near(result, expected)
    assert reason.endswith("sums over set bits")


@pytest.mark.parametrize("other", [1.0, 4 / 3 + 1e-7, -4 / 3, float("nan"), float("inf")])
@pytest.mark.usefixtures("always")
def test_spikes_of_two_sizes_are_not_added_up(other: float) -> None:
    x = 4 / 3 * spikes(400, 70, dtype=torch.float32)
    x[300, 5] = other
    result, expected, reason = both(x, *layer(70, 20, True, torch.float32), torch.randn(400, 20))
    assert "is not spikes" in reason
    near([r.nan_to_num() for r in result], [e.nan_to_num() for e in expected])


@pytest.mark.parametrize("columns", range(1, 131))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.usefixtures("always")
def test_every_number_of_columns_is_exact_where_nothing_is_rounded(columns: int, dtype: torch.dtype) -> None:
    rows, features = 67, 300
    x = spikes(rows, features, dtype=dtype).requires_grad_()
    weight = dyadic(columns, features, dtype=dtype).requires_grad_()
    bias = dyadic(columns, dtype=dtype).requires_grad_()
    result, expected, reason = both(x, weight, bias, dyadic(rows, columns, dtype=dtype))
    for left, right in zip(result, expected, strict=True):
        assert torch.equal(left, right)
    assert reason.endswith("sums over set bits")


@given(
    rows=st.integers(1, 300),
    features=st.integers(1, 600),
    columns=st.integers(1, 600),
    rate=st.sampled_from([0.0, 0.01, 0.3, 1.0]),
    bias=st.booleans(),
    threads=st.integers(1, 3),
    seed=st.integers(0, 2**16),
)
def test_any_size_and_rate_is_exact_where_nothing_is_rounded(
    rows: int, features: int, columns: int, rate: float, bias: bool, threads: int, seed: int
) -> None:
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    x, weight, g = spikes(rows, features, rate, torch.float32), dyadic(columns, features), dyadic(rows, columns)
    start = dyadic(columns) if bias else None
    bits, ones, _ = ops.pack(x, x.numel(), True)
    assert ones == x.sum()
    assert torch.equal(ops.unpack_spikes(bits, features, x), x)
    out, finite = ops.spike_product(bits, weight, start)
    assert finite
    assert torch.equal(out, F.linear(x, weight, start))
    of_weight, of_bias, finite = ops.spike_product_gradient(bits, g, features)
    assert finite
    assert torch.equal(of_weight, g.t() @ x)
    assert torch.equal(of_bias, g.sum(0))


@pytest.mark.parametrize("columns", [10, 450])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_number_of_threads_changes_no_bit(columns: int, dtype: torch.dtype) -> None:
    x, weight = spikes(777, 333, 0.1, dtype), torch.randn(columns, 333, dtype=dtype)
    g = torch.randn(777, columns, dtype=dtype)
    runs = []
    for threads in (1, 2, 3, 7):
        torch.set_num_threads(threads)
        bits, _, _ = ops.pack(x, x.numel(), True)
        runs.append([bits, ops.spike_product(bits, weight, None)[0], *ops.spike_product_gradient(bits, g, 333)[:2]])
    for run in runs[1:]:
        assert all(torch.equal(left, right) for left, right in zip(run, runs[0], strict=True))


def test_a_sum_of_very_many_equal_gradients_stays_accurate() -> None:
    rows = 400_000
    x, g = torch.ones(rows, 2), torch.full((rows, 3), 0.1)
    bits, _, _ = ops.pack(x, x.numel(), True)
    of_weight, of_bias, _ = ops.spike_product_gradient(bits, g, 2)
    expected = 0.1 * rows
    torch.testing.assert_close(of_bias, torch.full((3,), expected), rtol=1e-5, atol=0)
    torch.testing.assert_close(of_weight, torch.full((3, 2), expected), rtol=5e-5, atol=0)


@pytest.mark.parametrize("wrong", [0.5, 2.0, -1.0, float("nan"), float("inf"), 1e-45, 1.0000001])
@pytest.mark.parametrize("at", [(0, 0), (0, 69), (129, 64), (64, 3)])
def test_one_value_that_is_not_a_spike_makes_the_product_dense(wrong: float, at: tuple[int, int]) -> None:
    x = spikes(130, 70, dtype=torch.float32)
    assert ops.pack(x, x.numel(), True)[1] == x.sum()
    x[at] = wrong
    assert ops.pack(x, x.numel(), True)[1] == -1


@pytest.mark.usefixtures("always")
def test_negative_zero_is_not_a_spike_and_true_ones_are() -> None:
    x = torch.tensor([[-0.0, 1.0, 0.0], [1.0, -0.0, 1.0]], dtype=torch.float64)
    result, expected, reason = both(x, *layer(3, 5), torch.randn(2, 5, dtype=torch.float64))
    near(result, expected)
    assert reason == "spikes at 50.0 %: sums over set bits"


def test_looking_ends_at_the_rate_from_which_it_would_not_gain() -> None:
    x = spikes(400, 100, 0.5)
    ones = int(x.sum())
    assert ops.pack(x, ones, True)[1] == ones
    assert ops.pack(x, ones - 1, True)[1] == -1
    assert ops.pack(torch.zeros(400, 100), 0, True)[1] == 0


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[:, 3:80],
        lambda x: x[::3],
        lambda x: x[:1].expand(50, -1),
        lambda x: x.t(),
        lambda x: x[:, ::2],
        lambda x: x.view(30, 5, 90),
        lambda x: x.view(30, 5, 90).transpose(0, 1),
        lambda x: x.view(5, 2, 15, 90),
    ],
)
@pytest.mark.usefixtures("always")
def test_input_in_any_order_in_memory_and_of_any_shape(view: Any) -> None:
    base = spikes(150, 90).requires_grad_()
    x = view(base)
    weight, bias = layer(x.shape[-1], 40)
    weight = weight.detach().t().contiguous().t().requires_grad_()
    g = torch.randn(40, *x.shape[:-1], dtype=torch.float64).movedim(0, -1)
    inputs = [base, weight, bias]
    out, _ = SpikeAware().linear(x, weight, bias)
    expected = F.linear(x, weight, bias)
    assert out.is_contiguous()
    near([out, *torch.autograd.grad(out, inputs, g)], [expected, *torch.autograd.grad(expected, inputs, g)])
    near(
        [torch.autograd.grad(SpikeAware().linear(x, weight, bias)[0].sum(), weight)[0]],
        [x.flatten(0, -2).sum(0).expand_as(weight)],
    )


@pytest.mark.parametrize("value", [float("inf"), float("nan"), -float("inf")])
@pytest.mark.usefixtures("always")
def test_weights_that_are_not_finite_spread_as_in_a_product(value: float) -> None:
    x, (weight, bias) = spikes(70, 65), layer(65, 20)
    weight.data[3, 7] = value
    out, reason = SpikeAware().linear(x, weight, bias)
    torch.testing.assert_close(out, F.linear(x, weight, bias), equal_nan=True)
    assert reason == "dense product, as a weight is not finite"


@pytest.mark.parametrize("value", [float("inf"), float("nan"), -float("inf")])
@pytest.mark.usefixtures("always")
def test_a_bias_that_is_not_finite_stays_in_its_column(value: float) -> None:
    x, (weight, bias) = spikes(70, 65), layer(65, 20)
    bias.data[3] = value
    out, reason = SpikeAware().linear(x, weight, bias)
    torch.testing.assert_close(out, F.linear(x, weight, bias), equal_nan=True)
    assert reason.endswith("sums over set bits")


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1.7e308])
@pytest.mark.usefixtures("always")
def test_gradients_that_are_not_finite_spread_as_in_a_product(value: float) -> None:
    g = torch.randn(70, 20, dtype=torch.float64)
    g[5, 3] = g[6, 3] = value  # the sum of the last of them is infinite
    result, expected, reason = both(spikes(70, 65).requires_grad_(), *layer(65, 20), g)
    for left, right in zip(result, expected, strict=True):
        torch.testing.assert_close(left, right, equal_nan=True)
    assert reason.endswith("sums over set bits")


@pytest.mark.parametrize("needs", [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1) if a + b + c])
@pytest.mark.parametrize("rate", [0.2, None], ids=["spikes", "dense"])
def test_only_what_is_asked_for_is_computed(always: None, needs: tuple[int, int, int], rate: float | None) -> None:
    # 2 MiB of output, so that the dense product too is ours
    x = torch.rand(2100, 70, dtype=torch.float64) if rate is None else spikes(2100, 70, rate)
    weight, bias = layer(70, 130)
    leaves = [t.detach().requires_grad_(bool(n)) for t, n in zip((x, weight, bias), needs, strict=True)]
    out, reason = SpikeAware().linear(*leaves)
    assert type(out.grad_fn).__name__ == "_LinearBackward"
    assert ("sums" in reason) == (rate is not None)
    out.square().sum().backward()
    other = [t.detach().requires_grad_(t.requires_grad) for t in leaves]
    F.linear(*other).square().sum().backward()
    for leaf, expected in zip(leaves, other, strict=True):
        assert (leaf.grad is None) == (expected.grad is None)
        if expected.grad is not None:
            near([leaf.grad], [expected.grad])


@pytest.mark.parametrize("rate", [0.2, None], ids=["spikes", "dense"])
@pytest.mark.usefixtures("always")
def test_gradients_may_be_differentiated_again(rate: float | None) -> None:
    x = torch.rand(2100, 65, dtype=torch.float64) if rate is None else spikes(2100, 65, rate)
    weight, bias = layer(65, 130)
    x.requires_grad_()
    inputs = [x, weight, bias]

    def second(out: Tensor) -> list[Tensor]:
        first = torch.autograd.grad(out.tanh().sum(), inputs, create_graph=True)
        return list(torch.autograd.grad(sum(f.square().sum() for f in first), inputs))

    near(second(SpikeAware().linear(*inputs)[0]), second(F.linear(*inputs)))


@pytest.mark.usefixtures("always")
def test_gradcheck() -> None:
    weight, bias = layer(5, 3)
    x = spikes(4, 5)
    assert torch.autograd.gradcheck(lambda w, b: SpikeAware().linear(x, w, b)[0], (weight, bias))
    assert torch.autograd.gradgradcheck(lambda w, b: SpikeAware().linear(x, w, b)[0].tanh(), (weight, bias))


@pytest.mark.usefixtures("always")
def test_a_batch_of_gradients_at_once() -> None:
    x, (weight, bias) = spikes(70, 65).requires_grad_(), layer(65, 20)
    g = torch.randn(3, 70, 20, dtype=torch.float64)
    inputs = [x, weight, bias]
    result, expected = (
        torch.autograd.grad(out, inputs, g, is_grads_batched=True)
        for out in (SpikeAware().linear(x, weight, bias)[0], F.linear(x, weight, bias))
    )
    near(list(result), list(expected))


@pytest.mark.usefixtures("always")
def test_spikes_are_kept_as_bits_for_the_backward_pass() -> None:
    x, (weight, bias) = spikes(6400, 640, dtype=torch.float32), layer(640, 64, dtype=torch.float32)
    sizes: list[int] = []

    def pack(tensor: Tensor) -> Tensor:
        if tensor is not weight:
            sizes.append(tensor.untyped_storage().nbytes())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        SpikeAware().linear(x, weight, bias)
    assert sum(sizes) <= x.nbytes // 32 + 16
    with torch.no_grad():
        assert SpikeAware().linear(x, weight, bias)[0].grad_fn is None


@pytest.mark.usefixtures("always")
def test_a_weight_changed_before_the_backward_pass_is_an_error() -> None:
    x, (weight, bias) = spikes(70, 65).requires_grad_(), layer(65, 20)
    out, _ = SpikeAware().linear(x, weight, bias)
    with torch.no_grad():
        weight.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


@pytest.mark.usefixtures("always")
def test_the_output_may_be_changed_in_place_and_the_graph_used_twice() -> None:
    for shape in ((70, 65), (7, 10, 65)):
        x, (weight, bias) = spikes(70, 65).view(shape), layer(65, 20)
        out = F.relu_(SpikeAware().linear(x, weight, bias)[0])
        expected = F.relu(F.linear(x, weight, bias))
        inputs = [weight, bias]
        first = torch.autograd.grad(out.sum(), inputs, retain_graph=True)
        near([out, *first], [expected, *torch.autograd.grad(expected.sum(), inputs)])
        near(list(torch.autograd.grad(out.sum(), inputs)), list(first))


@pytest.fixture
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("always", "deterministic")
def test_under_deterministic_algorithms_and_anomaly_detection() -> None:
    x, (weight, bias) = spikes(70, 65).requires_grad_(), layer(65, 20)
    with torch.autograd.set_detect_anomaly(True, check_nan=True):
        result, expected, _ = both(x, weight, bias, torch.randn(70, 20, dtype=torch.float64))
    near(result, expected)


@pytest.mark.parametrize("rate", [0.1, None], ids=["spikes", "dense"])
def test_a_buffer_is_not_used_again_while_a_tensor_refers_to_it(always: None, rate: float | None) -> None:
    x = torch.rand(3000, 128) if rate is None else spikes(3000, 128, rate, torch.float32)
    weight, bias = layer(128, 200, dtype=torch.float32)
    x.requires_grad_()
    alive, copies = [], []
    for step in range(8):
        out, _ = SpikeAware().linear(x, weight + step, bias)
        tensors = [out.detach(), out.detach().view(-1)[7:], *torch.autograd.grad(out, [x, weight], out.detach())]
        if step % 2:
            alive.append(tensors)
            copies.append([t.clone() for t in tensors])
        del out, tensors
        gc.collect()
    starts = [t.untyped_storage().data_ptr() for tensors in alive for t in (tensors[0], tensors[2], tensors[3])]
    assert len(set(starts)) == len(starts)
    for tensors, copied in zip(alive, copies, strict=True):
        assert all(torch.equal(left, right) for left, right in zip(tensors, copied, strict=True))


def test_the_rate_up_to_which_sums_are_taken() -> None:
    assert highest_rate(8000, 3) == highest_rate(256, 512) == highest_rate(256, 10) == 0
    assert highest_rate(8000, 4) == highest_rate(8000, 16) > 0.9
    rates = [highest_rate(rows, columns) for rows, columns in ((8000, 32), (8000, 512), (10**9, 10**9))]
    assert rates == sorted(rates)
    assert rates[-1] <= 0.35
    x, (weight, bias) = spikes(2000, 300, 0.1), layer(300, 128)
    assert SpikeAware().linear(x, weight, bias)[1].startswith("spikes at 10.")
    how = SpikeAware().linear(1 - x, weight, bias)[1]
    assert how == "dense product, as its input is not spikes at a rate of up to 30 %"
    near([SpikeAware().linear(1 - x, weight, bias)[0]], [F.linear(1 - x, weight, bias)])
    assert SpikeAware().linear(x[:200], weight, bias)[1].startswith("dense product, as it has few rows or columns")


def test_few_columns_are_sums_at_any_rate() -> None:
    x = spikes(2000, 300, 0.8).requires_grad_()
    result, expected, how = both(x, *layer(300, 10), torch.randn(2000, 10, dtype=torch.float64))
    assert how.startswith(("spikes at 79.", "spikes at 80."))
    near(result, expected)


@pytest.mark.parametrize(
    ("x", "weight", "bias", "reason"),
    [
        (torch.ones(9, 3), torch.ones(2, 3), None, "too little work for a gain"),
        (torch.ones(3), torch.ones(2, 3), None, "its input does not have as many features as the weight"),
        (torch.ones(9, 4), torch.ones(2, 3), None, "its input does not have as many features as the weight"),
        (torch.ones(9, 3).half(), torch.ones(2, 3).half(), None, "float16 input; it takes float32 and float64"),
        (torch.ones(9, 3), torch.ones(2, 3).double(), None, "weight and bias do not have the dtype of the input"),
        (
            torch.ones(9, 3),
            torch.ones(2, 3),
            torch.ones(2).double(),
            "weight and bias do not have the dtype of the input",
        ),
        (torch.ones(0, 512), torch.ones(512, 512), None, "too little work for a gain"),
    ],
)
def test_refusals(x: Tensor, weight: Tensor, bias: Tensor | None, reason: str) -> None:
    assert SpikeAware().refuses(x, weight, bias) == reason


def test_the_library_refuses_what_does_not_fit_together() -> None:
    bits, _, _ = ops.pack(torch.ones(4, 65), 1000, True)
    with pytest.raises(RuntimeError, match="weight 3 x 200 takes 4 words of bits, got 2"):
        ops.spike_product(bits, torch.ones(3, 200), None)
    with pytest.raises(RuntimeError, match="3 outputs need as many biases, got 2"):
        ops.spike_product(bits, torch.ones(3, 65), torch.ones(2))
    with pytest.raises(RuntimeError, match="grad must have 4 rows and bits 2 words, got 5 and 2"):
        ops.spike_product_gradient(bits, torch.ones(5, 3), 65)
    with pytest.raises(RuntimeError, match="200 features take 4 words of bits, got 2"):
        ops.unpack_spikes(bits, 200, torch.ones(1))
    with pytest.raises(RuntimeError, match="rows that are contiguous"):
        ops.pack(torch.ones(4, 4).t()[:, ::2], 10, True)
    with pytest.raises(RuntimeError, match="float32 and float64"):
        ops.pack(torch.ones(4, 4).half(), 10, True)


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(200, 160), snn.Leaky(beta=0.9, init_hidden=True), nn.Linear(160, 200))


def how_of(module: nn.Module, xs: Tensor) -> list[str]:
    schedule = snn.unroll(module, xs, explain=True)[1]
    return [layer.how for layer in schedule.layers if layer.kind == "Linear"]


def test_unroll_takes_sums_where_a_layer_is_fed_by_spikes_and_says_so() -> None:
    xs = spikes(60, 10 * 200, 0.1, torch.float32).view(60, 10, 200)
    first, last = how_of(net(), xs)
    assert first.startswith("all steps at once; spikes at ")
    assert first.endswith("%: sums over set bits (snn-cpu)")
    assert "sums over set bits (snn-cpu)" in last
    first, _ = how_of(net(), torch.rand(60, 10, 200))
    library = " by oneDNN" if by_onednn(torch.float32) else ""
    assert first.startswith(f"all steps at once; dense product{library}, as its input is not spikes at a rate of ")
    assert how_of(net(), xs[:2])[0] == "all steps at once; dense product (snn-cpu: too little work for a gain)"


@pytest.mark.parametrize("options", [{}, {"chunk": 25}], ids=["whole", "chunks"])
def test_a_net_gives_the_gradients_of_the_loop(options: dict) -> None:
    module = net().double()
    xs = spikes(60, 10 * 200, 0.1).view(60, 10, 200).requires_grad_()
    inputs = [xs, *module.parameters()]
    outs = [snn.unroll(module, xs, **options) for options in (options, {"schedule": "steps"})]
    gradients, expected = ([out, *torch.autograd.grad(out.square().sum(), inputs)] for out in outs)
    near(gradients, expected)


def test_functional_calls_and_transforms_of_a_net_with_the_library() -> None:
    module, xs = net(), spikes(60, 10 * 200, 0.1, torch.float32).view(60, 10, 200)
    linear = module[0]
    twice = {name: 2 * p for name, p in linear.named_parameters()}

    def product(x):
        return core_products.linear(x, linear.weight, linear.bias)[0]

    out = core_products.linear(xs.flatten(0, 1), *twice.values())[0]
    near([out], [2 * linear(xs.flatten(0, 1))])
    near([torch.vmap(product)(xs)], [linear(xs)])
