"""The product that is computed at set bits only: the numbers of a dense one there, and zero elsewhere."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

ops = torch.ops.snn_cpu
SIZES = [(1, 1, 1), (3, 1, 63), (2, 63, 64), (5, 64, 65), (7, 65, 1), (16, 130, 500), (3, 500, 63)]


def bits_of(mask: Tensor) -> Tensor:
    """Pack ``[steps, columns]`` into words of 64 bits, the first column lowest."""
    steps, columns = mask.shape
    count = -(-columns // 64)
    padded = torch.zeros(steps, 64 * count, dtype=torch.int64)
    padded[:, :columns] = mask
    return (padded.view(steps, count, 64) << torch.arange(64)).sum(-1)


def case(
    samples: int, outputs: int, features: int, dtype: torch.dtype, dyadic: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """A gradient and a weight, and a mask of the places ``[rows, features]``, for three steps."""
    g, weight = torch.randn(3 * samples, outputs, dtype=dtype), torch.randn(outputs, features, dtype=dtype)
    if dyadic:
        g, weight = g.mul(8).round() / 8, weight.mul(8).round() / 8  # no sum of their products is rounded
    return g, weight, torch.rand(3 * samples, features) < 0.3


def inside(g: Tensor, weight: Tensor, mask: Tensor) -> Tensor:
    out, finite = ops.product_inside(g, weight, bits_of(mask.view(3, -1)))
    assert finite
    return out


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("samples", "outputs", "features"), SIZES)
def test_dyadic_numbers_give_the_bits_of_torch(samples: int, outputs: int, features: int, dtype: torch.dtype) -> None:
    g, weight, mask = case(samples, outputs, features, dtype, dyadic=True)
    assert torch.equal(inside(g, weight, mask), torch.where(mask, g @ weight, 0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("samples", "outputs", "features"), SIZES)
def test_random_numbers_are_rounded_as_often(samples: int, outputs: int, features: int, dtype: torch.dtype) -> None:
    g, weight, mask = case(samples, outputs, features, dtype)
    exact = g.double() @ weight.double()
    size = g.double().abs() @ weight.double().abs()
    error = (torch.where(mask, exact, 0) - inside(g, weight, mask)).abs()
    assert (error <= 16 * torch.finfo(dtype).eps * size).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("samples", "outputs", "features"), SIZES)
def test_a_place_does_not_depend_on_the_others(samples: int, outputs: int, features: int, dtype: torch.dtype) -> None:
    g, weight, mask = case(samples, outputs, features, dtype)
    everywhere = inside(g, weight, torch.ones_like(mask))
    assert torch.equal(inside(g, weight, mask), torch.where(mask, everywhere, 0))


def test_the_number_of_threads_changes_no_bit() -> None:
    g, weight, mask = case(50, 65, 63, torch.float32)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = inside(g, weight, mask)
        torch.set_num_threads(3)
        assert torch.equal(inside(g, weight, mask), alone)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("value", [torch.inf, -torch.inf, torch.nan])
@pytest.mark.parametrize("which", [0, 1], ids=["gradient", "weight"])
def test_a_number_that_is_not_finite_gives_no_result(which: int, value: float) -> None:
    g, weight, mask = case(2, 65, 5, torch.float32)
    (g, weight)[which][-1, -1] = value
    out, finite = ops.product_inside(g, weight, bits_of(mask.view(3, -1)))
    assert not finite
    assert out.numel() == 0


def test_set_bits_are_counted() -> None:
    mask = torch.rand(5, 130) < 0.3
    assert ops.set_bits(bits_of(mask)) == mask.sum()
    assert ops.set_bits(torch.full((2, 3), -1)) == 2 * 3 * 64
    assert ops.set_bits(torch.empty(0, 3, dtype=torch.int64)) == 0


@pytest.mark.parametrize(
    ("g", "weight", "bits"),
    [((6, 4), (5, 7), (3, 1)), ((6, 5), (5, 7), (4, 1)), ((6, 5), (5, 7), (3, 2)), ((6, 5), (5, 40), (3, 1))],
    ids=["outputs", "steps", "words", "features"],
)
def test_sizes_that_do_not_go_together_are_an_error(
    g: tuple[int, int], weight: tuple[int, int], bits: tuple[int, int]
) -> None:
    with pytest.raises(RuntimeError, match=r"snn_cpu: grad .* do not go with bits"):
        ops.product_inside(torch.ones(g), torch.ones(weight), torch.zeros(bits, dtype=torch.int64))


def test_other_dtypes_are_an_error() -> None:
    bits = torch.zeros(3, 1, dtype=torch.int64)
    with pytest.raises(RuntimeError, match="snn_cpu: weight must have the dtype of grad"):
        ops.product_inside(torch.ones(6, 5), torch.ones(5, 7, dtype=torch.float64), bits)
    with pytest.raises(RuntimeError, match="snn_cpu: bits must be int64"):
        ops.product_inside(torch.ones(6, 5), torch.ones(5, 7), bits.int())
    with pytest.raises(RuntimeError, match="snn_cpu: bits must be int64"):
        ops.set_bits(bits.int())
