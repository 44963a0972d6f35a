"""Nets that run on integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import snn_core as snn
from snn_export.c.integers import highest
from snn_functional import quant


def rounded(net: nn.Module, bits: int = 4) -> nn.Module:
    """Round the weights of a net, doubled, to so many fraction bits."""
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_((parameter * 2 * 2**bits).round() / 2**bits)
    return net.eval()


def keeps(num_bits: int = 12, fraction_bits: int = 5, rounding: str = "nearest", **options: Any) -> dict[str, Any]:
    """Return the options of a neuron whose membrane is on a grid."""
    return {"init_hidden": True, "state_quant": quant.fixed_point(num_bits, fraction_bits, rounding), **options}


INPUTS = quant.fixed_point(8, 4)


def dense() -> nn.Module:
    """Return a net of dense layers."""
    hidden = snn.Leaky(0.875, **keeps())
    return nn.Sequential(nn.Linear(12, 20), hidden, nn.Linear(20, 5), snn.Leaky(0.75, **keeps(output=True)))


def conv() -> nn.Module:
    """Return a net with convolutions of images."""
    each = torch.tensor([0.5, 1.0, 1.5, 2.0, 0.25])
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, padding=1),
        snn.Leaky(torch.tensor([0.5, 0.75, 0.875, 1.0]).reshape(4, 1, 1), **keeps(reset_mechanism="zero")),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 2, groups=2, padding=1),
        snn.Leaky(0.5, **keeps(reset_mechanism="none", graded_spikes_factor=2.0)),
        nn.Flatten(),
        nn.Linear(54, 5),
        snn.Leaky(0.5, threshold=each, **keeps(8, 4, "floor", reset_delay=False, output=True)),
    )


def sequences() -> nn.Module:
    """Return a net with convolutions of sequences."""
    return nn.Sequential(
        nn.Conv1d(2, 3, 3, padding=2, dilation=2, bias=False),
        nn.Sequential(snn.Leaky(0.75, **keeps(6, 2)), nn.Identity(), nn.MaxPool1d(2, ceil_mode=True)),
        nn.Conv1d(3, 2, 2),
        snn.Leaky(0.875, **keeps(20, 10, "floor", reset_delay=False, reset_mechanism="zero")),
    )


INTEGER_NETS: dict[str, Callable[[], tuple[Any, tuple[int, ...]]]] = {
    "integer dense": lambda: (quant.integer(rounded(dense()), inputs=INPUTS), (12,)),
    "integer conv": lambda: (quant.integer(rounded(conv())), (2, 9, 9)),
    "integer conv1d": lambda: (quant.integer(rounded(sequences(), 6)), (2, 9)),
}


def integer_inputs(net: Any, shape: tuple[int, ...], steps: int = 1000) -> Tensor:
    """Return inputs of one sample, drawn from the whole range that the net takes."""
    return torch.randint(-net.entering.largest, highest(net) + 1, (steps, 1, *shape))
