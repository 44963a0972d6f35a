"""The table of the sparse backward: the dense twin has the same gradients, and a small run from end to end."""

from __future__ import annotations

import pytest
import torch

import snn_core as snn
from bench import __main__ as program
from bench import windows
from bench.windows import Sizes, Trained


@pytest.mark.parametrize("width", windows.WIDTHS)
def test_the_dense_twin_has_the_surrogate_but_no_support(width: float) -> None:
    x = torch.linspace(-1.5, 1.5, 61, dtype=torch.float64, requires_grad=True)
    sparse, dense = snn.surrogate.triangular(width), windows.dense(width)
    (expected,) = torch.autograd.grad(sparse(x).sum(), x)
    (gradient,) = torch.autograd.grad(dense(x).sum(), x)
    torch.testing.assert_close(gradient, expected)
    assert dense.support != sparse.support == (-width, width)


def test_a_net_of_the_table_learns() -> None:
    trained = Trained(snn.surrogate.triangular(1.0), Sizes(steps=30, batch=8, neurons=64, layers=2))
    snn.init.fluctuation_(trained.net, trained.draw()[0], rate=0.1)
    losses = [trained.step(*trained.draw()) for _ in range(60)]
    assert losses[-1] < losses[0] / 3


def test_a_twin_with_other_gradients_is_refused() -> None:
    sizes = Sizes(steps=5, batch=2, neurons=8, layers=1)
    nets = [Trained(windows.dense(width), sizes) for width in (0.5, 2.0)]
    batch = nets[0].draw()
    for trained in nets:
        trained.step(*batch)
    with pytest.raises(RuntimeError, match="sparse and dense gradients must be the same, but differ by"):
        windows.must_be_same(nets[0].net, nets[1].net)


def test_the_table_has_a_row_for_each_width(capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    try:
        program.main(["--windows", "--rounds", "1", "--training", "2", "--steps", "20"])
    finally:
        torch.set_num_threads(threads)
    rows = [line.strip(" |").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0].strip() for row in rows] == [f"`triangular({width:g})`" for width in windows.WIDTHS]
    assert all(float(row[3].split()[0]) > 0 and float(row[4].split()[0]) > 0 for row in rows)
