"""Bad input for inference that stops early."""

from __future__ import annotations

import math

import torch
from torch import nn

import snn_core as snn
import snn_functional

from .bad_account import SEQUENCE
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
            Row("net", 3, TypeError, r"net must be a torch\.nn\.Module, got int"),
            Row(
                "net",
                net(snn.Leaky(**LIF, output=True)),
                TypeError,
                r"net must return one tensor .* each step, got tuple\. Fix: use output=False in the last",
            ),
            Row(
                "net",
                nn.Linear(3, 1),
                ValueError,
                r"net must return \[batch, num_outputs\] in each step, with two outputs .* 1\) for 2 samples",
            ),
            Row(
                "net",
                net(nn.Unflatten(1, (2, 1))),
                ValueError,
                r"net must return \[batch, num_outputs\] in each step, with two outputs .* 1\) for 2 samples",
            ),
            Row(
                "net",
                net(nn.Dropout()),
                ValueError,
                r"the layer '1' \(Dropout\) of net is in .* or draws random numbers\. Fix: call net\.eval\(\)",
            ),
            Row(
                "net",
                net(nn.BatchNorm1d(2)),
                ValueError,
                r"the layer '1' \(BatchNorm1d\) of net is .* or draws random numbers\. Fix: call net\.eval\(\)",
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
                r"the layer '1' \(Own\) of net .* can be taken out\. Fix: set keeps_by_sample = True in its",
            ),
            *SEQUENCE,
            Row("margin", "2", TypeError, "margin must be the lead at which a sample stops, a number, got '2'"),
            Row("margin", -0.5, ValueError, r"margin must be at least 0, got -0\.5"),
            Row("margin", math.nan, ValueError, "margin must be at least 0, got nan"),
            Row("every", 0, ValueError, "every must be at least 1, got 0"),
            Row("every", 2.0, TypeError, r"every must be a number of steps, an int, got 2\.0"),
            Row("lengths", [5, 6], ValueError, r"lengths must be in \[1, 5\] with 5 steps, got 6"),
            Row("lengths", [0, 5], ValueError, r"lengths must be in \[1, 5\] with 5 steps, got 0"),
            Row(
                "lengths",
                [5],
                ValueError,
                r"lengths must have one length per sample, \[2\], for xs of shape \(5, 2, 3\), got \(1,\)",
            ),
            Row(
                "lengths",
                [1.0, 2.0],
                TypeError,
                r"lengths must be integers, got dtype torch\.float32\. Fix: pass lengths\.long\(\)",
            ),
        ],
    ),
}
