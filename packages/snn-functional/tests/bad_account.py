"""Bad input for the accounts of a net."""

from __future__ import annotations

import math

import torch
from torch import nn

import snn_core as snn
import snn_functional

from .bad_diagnosis import Uncopied
from .refusal import Case, Row, made_and

CHEAP = snn_functional.statistics.CostModel("products for nothing", ac=1, mac=0.5)
XS = [
    Row("xs", [1.0], TypeError, r"xs is a list; pass a torch\.Tensor"),
    Row("xs", torch.zeros(3), ValueError, r"xs has shape \(3,\); it must be \[num_steps, batch"),
    Row("xs", torch.zeros(3, 0, 4), ValueError, r"xs has shape \(3, 0, 4\); it must be"),
    Row("xs", torch.zeros(2, 1, 3) * 1j, TypeError, "xs has dtype torch.complex64; pass real numbers"),
    Row(
        "xs", torch.full((2, 1, 3), math.nan), ValueError, "the input of the layer '' contains NaN, .*; ", named="input"
    ),
    Row("lengths", [3], ValueError, r"lengths contains 3; with 2 steps, a length must be in \[1, 2\]"),
    Row("lengths", [0], ValueError, r"lengths contains 0; with 2 steps, a length must be in \[1, 2\]"),
    Row("lengths", [1, 1], ValueError, r"lengths has shape \(2,\); .* needs one length per sample, \[1\]"),
    Row("lengths", [1.0], TypeError, r"lengths has dtype torch\.float32; .* integers: pass lengths\.long"),
]


def net(name):
    return [
        Row("net", 3, TypeError, r"net is a int; pass a torch\.nn\.Module"),
        Row("net", Uncopied(), TypeError, f"net is a Uncopied that copy.deepcopy cannot copy: .*; {name} runs a copy"),
    ]


def activity(run=None):
    """The activity of a block in which nothing has run, or one net."""
    with snn_functional.Activity(run or nn.Identity()) as block:
        if run is not None:
            run(torch.ones(2, 3))
    return block


CASES = {
    "Activity": Case(
        (snn_functional.Activity,), snn_functional.Activity, lambda: {"net": nn.Linear(3, 2)}, net("Activity")[:1]
    ),
    "rate_band_loss": Case(
        (snn_functional.rate_band_loss, snn_functional.rate_band_loss.__call__),
        made_and(snn_functional.rate_band_loss, "__call__"),
        lambda: {"lower": 0, "upper": 0.5, "activity": activity(snn.Leaky(beta=0.9, init_hidden=True))},
        [
            Row("lower", -0.1, ValueError, r"lower is -0\.1; rates are spikes per step and must be in \[0, 1\]"),
            Row("lower", "low", TypeError, "lower is 'low'; pass a number"),
            Row("upper", 1.5, ValueError, r"upper is 1\.5; rates are spikes per step and must be in \[0, 1\]"),
            Row("upper", None, TypeError, "upper is None; pass a number"),
            Row("upper", 0.1, ValueError, r"upper is 0\.1, below lower=0\.3; pass a band", others={"lower": 0.3}),
            Row("activity", torch.ones(3), TypeError, r"activity is a Tensor; pass an Activity\(net\)"),
            Row("activity", activity(), ValueError, "activity has no rates; run a net with spiking neurons"),
            Row("activity", activity(nn.Linear(3, 2)), ValueError, "activity has no rates; run a net with spiking"),
        ],
    ),
    "summary": Case(
        (snn_functional.summary,),
        snn_functional.summary,
        lambda: {"net": nn.Linear(3, 2), "xs": torch.ones(2, 1, 3)},
        [*net("summary"), *XS],
    ),
    "energy": Case(
        (snn_functional.energy,),
        snn_functional.energy,
        lambda: {"net": nn.Linear(3, 2), "xs": torch.ones(2, 1, 3)},
        [
            *net("energy"),
            *XS,
            Row("model", "7nm", ValueError, r"model is '7nm'; pass '45nm' or '45nm\+memory', or a CostModel"),
            Row("model", CHEAP, ValueError, r"model has mac=0\.5, less than ac=1; a multiply-accumulate"),
            Row("model", 4.6, TypeError, "model is a float; pass '45nm' or"),
        ],
    ),
}
