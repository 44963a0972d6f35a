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
SEQUENCE = [
    Row("xs", [1.0], TypeError, r"xs must be a torch\.Tensor, got list\. Fix: pass torch\.stack\(steps\)"),
    Row(
        "xs",
        torch.zeros(3),
        ValueError,
        r"xs must have shape \[num_steps, batch, \.\.\.\], with no axis of size 0, got \(3,\)",
    ),
    Row(
        "xs",
        torch.zeros(3, 0, 4),
        ValueError,
        r"xs must have shape \[num_steps, batch, \.\.\.\], with no axis of size 0, got \(3, 0, 4\)",
    ),
]
"""Rows of every function of a sequence."""
XS = [
    *SEQUENCE,
    Row(
        "xs",
        torch.zeros(2, 1, 3) * 1j,
        TypeError,
        r"xs must contain real numbers, got .* torch\.complex64\. Fix: pass real numbers: xs\.real or",
    ),
    Row(
        "xs",
        torch.full((2, 1, 3), math.nan),
        ValueError,
        r"the input of the layer '' contains NaN, .* the absence of one\. Fix: look for its source",
        named="input",
    ),
    Row("lengths", [3], ValueError, r"lengths must be in \[1, 2\] with 2 steps, got 3"),
    Row("lengths", [0], ValueError, r"lengths must be in \[1, 2\] with 2 steps, got 0"),
    Row(
        "lengths",
        [1, 1],
        ValueError,
        r"lengths must have one length per sample, \[1\], for xs of shape \(2, 1, .* 1\) to the net",
    ),
    Row(
        "lengths", [1.0], TypeError, r"lengths must be integers, got dtype torch\.float32\. Fix: pass lengths\.long\(\)"
    ),
]


def net(name):
    return [
        Row("net", 3, TypeError, r"net must be a torch\.nn\.Module, got int"),
        Row("net", Uncopied(), TypeError, f"net is a Uncopied that copy.deepcopy cannot copy, and {name} runs a copy"),
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
            Row("lower", -0.1, ValueError, r"lower must be in \[0, 1\], in spikes per step, got -0\.1"),
            Row("lower", "low", TypeError, "lower must be a number, got 'low'"),
            Row("upper", 1.5, ValueError, r"upper must be in \[0, 1\], in spikes per step, got 1\.5"),
            Row("upper", None, TypeError, "upper must be a number, got None"),
            Row(
                "upper",
                0.1,
                ValueError,
                r"upper must be at least lower=0\.3, got 0\.1\. Fix: pass a band, such as \(0\.01, 0\.2\)",
                others={"lower": 0.3},
            ),
            Row(
                "activity",
                torch.ones(3),
                TypeError,
                r"activity must be an Activity\(net\) in whose block net ran, got Tensor",
            ),
            Row("activity", activity(), ValueError, r"activity has no rates\. Fix: run a net with spiking neurons in"),
            Row(
                "activity",
                activity(nn.Linear(3, 2)),
                ValueError,
                r"activity has no rates\. Fix: run a net with spiking neurons in",
            ),
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
