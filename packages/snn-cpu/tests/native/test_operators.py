"""The operators that compilers see: well-behaved with kernels behind them, and those of the library itself."""

from __future__ import annotations

import pytest
import torch

from snn_core.kernels.registry import FAMILIES
from snn_cpu.models import MODELS

from .specification import KINDS, backward, case, kernel, random_gradients, same_bits


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize("family", MODELS)
def test_every_operator_with_its_kernel_is_well_behaved(family: str, trace: bool) -> None:
    drawn = case(family, "none", steps=3, trace=trace)
    assert kernel(drawn.call).name == "snn-cpu"
    settings = drawn.call.reset, drawn.call.reset_delay, drawn.call.surrogate, list(drawn.call.params), trace
    results = torch.library.opcheck(FAMILIES[family].operator, (*drawn.tensors, *settings))
    assert set(results.values()) == {"SUCCESS"}


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize(("family", "reset", "delay"), KINDS)
def test_an_operator_gives_what_its_kernel_gives(family: str, reset: str, delay: bool, trace: bool) -> None:
    drawn = case(family, reset, delay, trace=trace)
    through, straight = drawn.fresh(), drawn.fresh()
    settings = reset, delay, drawn.call.surrogate, list(drawn.call.params), trace
    out, expected = FAMILIES[family].operator(*through.tensors, *settings), straight.by_kernel()
    for f, e in zip(out, expected, strict=True):
        same_bits(f, e)
    gradients = random_gradients(expected)
    for f, e in zip(backward(through, out, gradients), backward(straight, expected, gradients), strict=True):
        same_bits(f, e)


@pytest.fixture
def rows() -> dict[str, torch.Tensor]:
    """A sequence of 40 steps and 7 columns, and what goes with it."""
    state, decay, gain, threshold = torch.rand(7), torch.rand(7), torch.tensor(1.0), torch.tensor(0.5)
    return {"x": torch.rand(40, 7), "state": state, "decay": decay, "gain": gain, "threshold": threshold}


def test_the_librarys_own_operators_change_and_return_no_argument(rows: dict[str, torch.Tensor]) -> None:
    constants = [rows["decay"], rows["gain"], rows["threshold"]]
    forward = rows["x"], [rows["state"]], constants, 0, 1, False, False, True
    checkpoints = torch.ops.snn_cpu.scan_forward(*forward)[-1]
    gradients = torch.rand(40, 7), [torch.rand(1, 7)]
    inputs = rows["x"], [rows["state"]], constants
    backward = *gradients, *inputs, checkpoints, 0, 1, False, 0, 2.0, 0.0, False, True, 7
    sums = torch.rand(21, dtype=torch.float64), [3, 7], [1, 7]
    for operator, arguments in (("scan_forward", forward), ("scan_backward", backward), ("sum_to", sums)):
        checked = getattr(torch.ops.snn_cpu, operator).default
        results = torch.library.opcheck(checked, arguments, test_utils="test_schema")
        assert set(results.values()) == {"SUCCESS"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.rand(40)}, r"x must be \[steps, columns\], has 1 axes"),
        ({"x": torch.rand(7, 40).mT}, "dense in its steps"),
        ({"state": torch.rand(6)}, "a state must be .* 7 elements, has 6"),
        ({"state": torch.rand(7, dtype=torch.float64)}, "a state must be .* of the dtype of x"),
        ({"state": torch.rand(14)[::2]}, "a state must be contiguous"),
        ({"decay": torch.rand(8)}, "a constant must .* 7 elements, has 8"),
    ],
    ids=["axes", "strides", "size", "dtype", "contiguous", "constant"],
)
def test_the_librarys_own_operators_check_what_they_are_given(rows, change: dict, message: str) -> None:
    rows = rows | change
    constants = [rows["decay"], rows["gain"], rows["threshold"]]
    with pytest.raises(RuntimeError, match=message):
        torch.ops.snn_cpu.scan_forward(rows["x"], [rows["state"]], constants, 0, 1, False, False, True)


@pytest.mark.parametrize(("model", "reset"), [(-1, 0), (3, 0), (0, -1), (0, 5)])
def test_a_model_or_reset_that_does_not_exist_is_named(rows: dict[str, torch.Tensor], model: int, reset: int) -> None:
    constants = [rows["decay"], rows["gain"], rows["threshold"]]
    with pytest.raises(RuntimeError, match=f"no model {model} with reset {reset}"):
        torch.ops.snn_cpu.scan_forward(rows["x"], [rows["state"]], constants, model, reset, False, False, True)
