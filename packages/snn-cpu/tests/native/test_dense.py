"""Products of dense matrices: torch's numbers, by whichever library computes them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from snn_cpu import dense
from snn_cpu.products import SpikeAware

BOTH = [True, False]


@pytest.fixture(params=BOTH, ids=["oneDNN", "BLAS"])
def onednn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Return the name of the one that computes, whatever the processor."""
    monkeypatch.setattr(dense, "_is_faster", lambda: request.param)
    assert dense.by_onednn(torch.float32) is request.param
    return request.param


def dyadic(*shape: int) -> Tensor:
    """Multiples of 1/64 that are small enough for no sum of theirs to be rounded."""
    return torch.randint(-64, 65, shape).float() / 64


@pytest.mark.usefixtures("onednn")
@pytest.mark.parametrize("rows", [0, 1, 7, 1024, 4099])
@pytest.mark.parametrize(("features", "columns"), [(1, 1), (7, 3), (129, 1025), (0, 5), (5, 0)])
def test_values_that_need_no_rounding_are_exact(rows: int, features: int, columns: int) -> None:
    # 1025 columns are written 1023 rows at a time
    a, b, bias = dyadic(rows, features), dyadic(columns, features), dyadic(columns)
    exact = a.double() @ b.double().t()
    assert torch.equal(dense.product(a, b).double(), exact)
    assert torch.equal(dense.product(a, b, bias).double(), exact + bias.double())
    g = dyadic(rows, columns)
    assert torch.equal(dense.product_over_rows(g, a).double(), g.double().t() @ a.double())


@pytest.mark.parametrize("forced", BOTH)
@given(st.data())
def test_any_layout_in_memory_is_taken(forced: bool, data: st.DataObject) -> None:
    sizes = st.integers(1, 40)
    rows, features, columns = data.draw(sizes), data.draw(sizes), data.draw(sizes)
    layouts: list[Callable[[Tensor], Tensor]] = [
        lambda t: t,
        lambda t: t.t().contiguous().t(),
        lambda t: t.repeat_interleave(2, 0)[::2],
        lambda t: t.repeat_interleave(3, 1)[:, ::3],
    ]
    a, b = (data.draw(st.sampled_from(layouts))(dyadic(n, features)) for n in (rows, columns))
    g = data.draw(st.sampled_from(layouts))(dyadic(rows, columns))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense, "_is_faster", lambda: forced)
        assert torch.equal(dense.product(a, b), a @ b.t())
        assert torch.equal(dense.product_over_rows(g, a), g.t() @ a)
        assert torch.equal(dense.product(g, b.t()), g @ b)


@pytest.mark.usefixtures("onednn")
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_are_not_finite_spread_as_in_torch(bad: float) -> None:
    a, b = torch.zeros(5, 7), torch.rand(3, 7)
    b[1, 2] = bad
    torch.testing.assert_close(dense.product(a, b), a @ b.t(), equal_nan=True)
    a[3, 4] = bad
    torch.testing.assert_close(dense.product(a, b), a @ b.t(), equal_nan=True)
    torch.testing.assert_close(dense.product_over_rows(a, a), a.t() @ a, equal_nan=True)


def test_gradients_through_a_layer_are_those_of_torch_and_explain_names_the_library(onednn: bool) -> None:
    x, g = torch.rand(3000, 130).requires_grad_(), torch.randn(3000, 70)
    weight, bias = torch.randn(70, 130).requires_grad_(), torch.randn(70).requires_grad_()
    out, reason = SpikeAware().linear(x, weight, bias)
    assert reason.startswith("dense product by oneDNN, " if onednn else "dense product, ")
    expected = F.linear(x, weight, bias)
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)
    gradients = torch.autograd.grad(out, (x, weight, bias), g)
    for left, right in zip(gradients, torch.autograd.grad(expected, (x, weight, bias), g), strict=True):
        torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-5 * right.abs().max().item())


def test_switching_onednn_off_in_torch_works_here_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "_is_faster", lambda: True)
    assert dense.by_onednn(torch.float32)
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    assert not dense.by_onednn(torch.float32)


def test_the_choice_follows_from_the_processor_alone() -> None:
    held_back = torch.ops.snn_cpu.instruction_set() == "x86-64-v4" and not torch.ops.snn_cpu.is_intel()
    assert dense.by_onednn(torch.float32) == (held_back and torch.backends.mkl.is_available())
    assert not dense.by_onednn(torch.float64)
