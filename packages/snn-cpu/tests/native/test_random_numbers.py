"""The random numbers of the kernels are those of torch, and the generator is left as torch leaves it."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import snn_core as snn
from snn_cpu.random_numbers import Draws, draws_as_torch

DTYPES = [torch.float32, torch.float64]


@given(
    sizes=st.lists(st.integers(0, 1500), min_size=1, max_size=5),
    p=st.one_of(st.sampled_from([0.0, 1.0, 0.5, 2**-53, 1 - 2**-53]), st.floats(0, 1)),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 2**63),
    normal=st.booleans(),
)
def test_numbers_and_generator_are_those_of_torch(
    sizes: list[int], p: float, dtype: torch.dtype, seed: int, normal: bool
) -> None:
    torch.manual_seed(seed)
    if normal:
        torch.randn(1)  # half of a pair of normal numbers is kept in the generator
    start = torch.get_rng_state()
    expected = [torch.empty(size, dtype=dtype).bernoulli_(p) for size in sizes]
    after = torch.get_rng_state()
    torch.set_rng_state(start)
    for numbers in expected:
        out = torch.full_like(numbers, 7.0)
        Draws().bernoulli_(out, p)
        assert torch.equal(out, numbers)
    assert torch.equal(torch.get_rng_state(), after)
    assert torch.equal(torch.randn(3), (torch.set_rng_state(after), torch.randn(3))[1])


def test_this_torch_draws_as_the_kernel_does() -> None:
    assert draws_as_torch()
    assert Draws().takes(torch.empty(3))
    assert not Draws().takes(torch.empty(3, 4).mT)
    assert not Draws().takes(torch.empty(3, dtype=torch.bfloat16))


def test_the_kernel_draws_the_masks_of_a_net(monkeypatch: pytest.MonkeyPatch) -> None:
    probabilities = []
    original = Draws.bernoulli_
    monkeypatch.setattr(Draws, "bernoulli_", lambda self, out, p: probabilities.append(p) or original(self, out, p))
    net = nn.Sequential(nn.Dropout(0.25), nn.Linear(5, 4), snn.Leaky(0.9, init_hidden=True), nn.Dropout(0.5)).double()
    twin, xs, results = copy.deepcopy(net), torch.rand(6, 3, 5, dtype=torch.float64), []
    for each, schedule in ((net, "auto"), (twin, "steps")):
        torch.manual_seed(3)
        results.append((snn.unroll(each, xs, schedule=schedule), torch.get_rng_state()))
    for left, right in zip(*results, strict=True):
        torch.testing.assert_close(left, right)
    assert probabilities == 6 * [0.75, 0.5]


@pytest.mark.parametrize(
    ("state", "out", "p", "message"),
    [
        (torch.zeros(5056, dtype=torch.uint8), torch.empty(3), 0.5, "state is not that of a generator"),
        (torch.zeros(50, dtype=torch.uint8), torch.empty(3), 0.5, "state must be that of a generator of torch, got 50"),
        (torch.zeros(5056), torch.empty(3), 0.5, "state must be that of a generator of torch"),
        (torch.Generator().get_state(), torch.empty(3, 2).mT, 0.5, "out must be contiguous"),
        (torch.Generator().get_state(), torch.empty(3), 1.5, "p must be a probability, got 1.5"),
        (torch.Generator().get_state(), torch.empty(3), float("nan"), "p must be a probability"),
        (torch.Generator().get_state(), torch.empty(3).half(), 0.5, "random numbers are for float32 and float64"),
    ],
)
def test_bad_arguments_are_refused(state: torch.Tensor, out: torch.Tensor, p: float, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        torch.ops.snn_cpu.bernoulli_(state, out, p)
