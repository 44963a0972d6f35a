"""Bad input for a diagnosis and its parts."""

from __future__ import annotations

import math

import torch
from torch import nn

from snn_functional import diagnosis

from .diagnosed import batch, well
from .refusal import Case, Row

FINDING = {
    "code": "zero_input",
    "severity": "error",
    "module": "",
    "value": 0.0,
    "message": "It is 0.",
    "remedy": "Look at it.",
}
SHARES = ("share", "saturated_rate", "inside", "leak", "bound", "subnormal")
AMOUNTS = ("vanishing", "exploding", "underflow", "page_faults", "vanished")


class Uncopied(nn.Module):
    """A net that refuses to be copied."""

    def __deepcopy__(self, memo):
        raise TypeError("it is one of a kind")


def limit(name):
    rows = [
        Row(name, "0.5", TypeError, f"{name} is '0.5'; pass a number"),
        Row(name, -0.5, ValueError, f"{name} is -0.5; "),
        Row(name, math.nan, ValueError, f"{name} is nan; "),
    ]
    return [*rows, Row(name, 1.5, ValueError, f"{name} is 1.5; .* must be in")] if name in SHARES else rows


CASES = {
    "diagnose": Case(
        (diagnosis.diagnose,),
        diagnosis.diagnose,
        lambda: {"net": well(), "batch": batch()},
        [
            Row("net", 3, TypeError, r"net is a int; pass a torch\.nn\.Module"),
            Row("net", Uncopied(), TypeError, "net is a Uncopied that copy.deepcopy cannot copy: it is one of a kind"),
            Row("batch", [1, 2], TypeError, r"batch is a list; pass a torch\.Tensor"),
            Row("batch", torch.zeros(3), ValueError, r"batch has shape \(3,\); it must be \[num_steps, batch"),
            Row("batch", torch.zeros(3, 0, 4), ValueError, r"batch has shape \(3, 0, 4\); it must be"),
            Row("batch", torch.zeros(3, 2, 4) * 1j, TypeError, "batch has dtype torch.complex64; pass real numbers"),
            Row("targets", "labels", ValueError, r"targets are a str and the first output \(11, 5, 3\); pass loss_fn="),
            Row("targets", torch.zeros(5), ValueError, r"targets are torch.float32 \(5,\) and .*; pass loss_fn="),
            Row("loss_fn", 3, TypeError, "loss_fn is 3; pass a function"),
            Row("loss_fn", lambda out, y: out, ValueError, r"loss_fn returned a tensor of shape \(11, 5, 3\); it must"),
            Row(
                "loss_fn",
                lambda out, y: 0.5,
                ValueError,
                "loss_fn returned a float; it must return a tensor of one number",
            ),
            Row("optimizer", "Adam", TypeError, r"optimizer is a str; pass a torch\.optim\.Optimizer"),
            Row("num_steps", 0, ValueError, "num_steps is 0; pass at least 1"),
            Row("num_steps", 2.5, TypeError, "num_steps is 2.5; pass an int"),
            Row("num_steps", True, TypeError, "num_steps is True; pass an int"),
            Row("run", "unroll", TypeError, "run is 'unroll'; pass a function"),
            Row("limits", 0.5, TypeError, r"limits is a float; pass Limits\(\.\.\.\)"),
        ],
    ),
    "Limits": Case(
        (diagnosis.Limits,),
        diagnosis.Limits,
        dict,
        [row for name in (*SHARES, *AMOUNTS) for row in limit(name)],
    ),
    "Finding": Case(
        (diagnosis.Finding,),
        diagnosis.Finding,
        lambda: dict(FINDING),
        [
            *(Row(name, 3, TypeError, f"{name} is 3; pass a str") for name in FINDING if name != "value"),
            Row("severity", "bad", ValueError, "severity is 'bad'; pass one of error, warning, info"),
            Row("value", "much", TypeError, "value is 'much'; pass a number, or None"),
            Row("value", True, TypeError, "value is True; pass a number, or None"),
        ],
    ),
    "Diagnosis": Case(
        (diagnosis.Diagnosis,),
        diagnosis.Diagnosis,
        lambda: {"findings": [diagnosis.Finding(**FINDING)], "layers": []},
        [
            Row("findings", 3, TypeError, "findings is 3; pass a list of Finding"),
            Row("findings", ["zero_input"], TypeError, "findings is .*; pass a list of Finding"),
            Row("layers", [1], TypeError, r"layers is \[1\]; pass a list of Layer"),
        ],
    ),
}
