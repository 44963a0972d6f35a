"""The masks of dropout layers are those that torch draws for one step after another, in one memory."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import snn_core as snn
from bench.memory import tensors_at_peak


class Dropping(nn.Module):
    """Calls dropout by its function, on values in some layout."""

    def __init__(self, p: float, axes: tuple[int, ...]) -> None:
        super().__init__()
        self.p, self.axes, self.spike = p, axes, snn.Leaky(beta=0.5, threshold=0.3, init_hidden=True)

    def forward(self, x: Tensor) -> Tensor:
        x = F.dropout(self.spike(x), 0.3)
        order = [self.axes.index(axis) for axis in range(len(self.axes))]
        return F.dropout(torch.sin(x).permute(self.axes).contiguous().permute(order), self.p)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("p", [0.0, 0.25, 0.9, 1.0])
@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (0, 2, 3, 1), (0, 3, 1, 2)], ids=str)
def test_a_mask_is_drawn_in_the_order_of_memory_as_in_the_loop(
    dtype: torch.dtype, p: float, axes: tuple[int, ...]
) -> None:
    xs, results = torch.rand(5, 3, 2, 7, 3).to(dtype), []
    for schedule in ("steps", "auto"):
        torch.manual_seed(3)
        out, how = snn.unroll(Dropping(p, axes), xs, schedule=schedule, explain=True)
        results.append((out, torch.rand(2)))
    assert how.kind == "layers"
    assert all(map(torch.equal, *results))


def test_the_masks_of_all_steps_take_one_memory() -> None:
    net, xs = nn.Sequential(nn.Dropout(0.4), nn.Sigmoid()), torch.rand(50, 64, 128)
    snn.unroll(net, xs)
    assert tensors_at_peak(lambda: snn.unroll(net, xs)) * 2**20 < 2.5 * xs.nbytes  # the masks and a product
