"""Bad input for inference that stops early."""

from __future__ import annotations

import math

import torch
from torch import nn

import snn_core as snn
import snn_functional

from .refusal import Case, Row


class Own(snn.SpikingNeuron):
    """A neuron that keeps its state in an attribute, as programs for snnTorch do."""

    def __init__(self):
        super().__init__(init_hidden=True)
        self.mem = torch.zeros(())

    def forward(self, x):
        self.mem = self.mem + x
        return self.mem


def net(*layers):
    return nn.Sequential(nn.Linear(3, 2), *layers)


LIF = {"beta": 0.9, "init_hidden": True}
CASES = {
    "early_exit": Case(
        (snn_functional.early_exit,),
        snn_functional.early_exit,
        lambda: {"net": net(snn.Leaky(**LIF)), "xs": torch.ones(5, 2, 3), "margin": 2, "every": 2, "lengths": [5, 3]},
        [
            Row("net", 3, TypeError, r"net is a int; pass a torch\.nn\.Module"),
            Row(
                "net", net(snn.Leaky(**LIF, output=True)), TypeError, "net returns a tuple in each step; .* output=Fal"
            ),
            Row("net", nn.Linear(3, 1), ValueError, r"net returns a tensor \(2, 1\) for 2 samples .* two outputs"),
            Row("net", net(nn.Unflatten(1, (2, 1))), ValueError, r"net returns a tensor \(2, 2, 1\) for 2 samples"),
            Row(
                "net",
                net(nn.Dropout()),
                ValueError,
                r"'1' \(Dropout\) of net is in training mode, .*; call net\.eval\(\)",
            ),
            Row(
                "net",
                net(nn.BatchNorm1d(2)),
                ValueError,
                r"'1' \(BatchNorm1d\) of net is in training mode, .*; call net\.e",
            ),
            Row(
                "net",
                net(snn.PSN(5)),
                ValueError,
                r"'1' \(PSN\) of net takes the whole sequence at once and cannot stop",
            ),
            Row(
                "net",
                net(Own()),
                ValueError,
                r"'1' \(Own\) of net does not declare that .*; set keeps_by_sample = True",
            ),
            Row("xs", [1.0], TypeError, r"xs is a list; pass a torch\.Tensor"),
            Row("xs", torch.zeros(3), ValueError, r"xs has shape \(3,\); it must be \[num_steps, batch"),
            Row("xs", torch.zeros(3, 0, 4), ValueError, r"xs has shape \(3, 0, 4\); it must be"),
            Row("margin", "2", TypeError, "margin is '2'; pass the lead at which a sample stops, a number"),
            Row("margin", -0.5, ValueError, r"margin is -0\.5; a lead must be at least 0"),
            Row("margin", math.nan, ValueError, "margin is nan; a lead must be at least 0"),
            Row("every", 0, ValueError, "every is 0; it must be at least 1"),
            Row("every", 2.0, TypeError, r"every is 2\.0; pass a number of steps, an int"),
            Row("lengths", [5, 6], ValueError, r"lengths contains 6; with 5 steps, a length must be in \[1, 5\]"),
            Row("lengths", [0, 5], ValueError, r"lengths contains 0; with 5 steps, a length must be in \[1, 5\]"),
            Row("lengths", [5], ValueError, r"lengths has shape \(1,\); .* needs one length per sample, \[2\]"),
            Row("lengths", [1.0, 2.0], TypeError, r"lengths has dtype torch\.float32; .* pass lengths\.long"),
        ],
    ),
}
