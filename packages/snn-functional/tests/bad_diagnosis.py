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
        Row(name, "0.5", TypeError, f"{name} must be a number, got '0.5'"),
        Row(name, -0.5, ValueError, f"{name} must be .*0.*, got -0.5"),
        Row(name, math.nan, ValueError, f"{name} must be .*, got nan"),
    ]
    return [*rows, Row(name, 1.5, ValueError, rf"{name} must be in \[0, 1\], got 1\.5")] if name in SHARES else rows


CASES = {
    "diagnose": Case(
        (diagnosis.diagnose,),
        diagnosis.diagnose,
        lambda: {"net": well(), "batch": batch()},
        [
            Row("net", 3, TypeError, r"net must be a torch\.nn\.Module, got int"),
            Row(
                "net",
                Uncopied(),
                TypeError,
                r"net is a Uncopied that copy\.deepcopy cannot copy, and diagnose runs a copy .* one of a kind",
            ),
            Row(
                "batch", [1, 2], TypeError, r"batch must be a torch\.Tensor, got list\. Fix: pass torch\.stack\(steps\)"
            ),
            Row(
                "batch",
                torch.zeros(3),
                ValueError,
                r"batch must have shape \[num_steps, batch, \.\.\.\], with no .* with num_steps=, got \(3,\)",
            ),
            Row(
                "batch",
                torch.zeros(3, 0, 4),
                ValueError,
                r"batch must have shape \[num_steps, batch, \.\.\.\], with no axis of size .* got \(3, 0, 4\)",
            ),
            Row(
                "batch",
                torch.zeros(3, 2, 4) * 1j,
                TypeError,
                r"batch must contain real .* torch\.complex64\. Fix: pass batch\.real or batch\.abs\(\)",
            ),
            Row(
                "targets",
                "labels",
                ValueError,
                r"targets are a str and the first output \(11, 5, 3\)\. Fix: pass loss_fn=, unless they are",
            ),
            Row(
                "targets",
                torch.zeros(5),
                ValueError,
                r"targets are torch\.float32 .* output \(11, 5, 3\)\. Fix: pass loss_fn=, unless they are",
            ),
            Row("loss_fn", 3, TypeError, "loss_fn must be a function of two arguments, or None, got 3"),
            Row(
                "loss_fn",
                lambda out, y: out,
                ValueError,
                r"loss_fn must return a tensor of one number, such as loss\.mean\(\), .* shape \(11, 5, 3\)",
            ),
            Row(
                "loss_fn",
                lambda out, y: 0.5,
                ValueError,
                r"loss_fn must return a tensor of one number, such as loss\.mean\(\), got float",
            ),
            Row("optimizer", "Adam", TypeError, r"optimizer must be a torch\.optim\.Optimizer, or None, got str"),
            Row(
                "num_steps",
                0,
                ValueError,
                r"num_steps must be at least 1, got 0\. Fix: pass None for a batch \[num_steps,",
            ),
            Row("num_steps", 2.5, TypeError, r"num_steps must be an int, the number of steps, or None, got 2\.5"),
            Row("num_steps", True, TypeError, "num_steps must be an int, the number of steps, or None, got True"),
            Row("run", "unroll", TypeError, "run must be a function of two arguments, or None, got 'unroll'"),
            Row("limits", 0.5, TypeError, "limits must be a Limits, or None, got float"),
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
            *(
                Row(name, 3, TypeError, f"{name} (must be a str, got 3|is 3; pass a str)")
                for name in FINDING
                if name != "value"
            ),
            Row("severity", "bad", ValueError, "severity is 'bad'; pass one of error, warning, info"),
            Row("value", "much", TypeError, "value must be a number, or None, got 'much'"),
            Row("value", True, TypeError, "value must be a number, or None, got True"),
        ],
    ),
    "Diagnosis": Case(
        (diagnosis.Diagnosis,),
        diagnosis.Diagnosis,
        lambda: {"findings": [diagnosis.Finding(**FINDING)], "layers": []},
        [
            Row("findings", 3, TypeError, "findings must be a list of Finding, got 3"),
            Row("findings", ["zero_input"], TypeError, r"findings must be a list of Finding, got \['zero_input'\]"),
            Row("layers", [1], TypeError, r"layers must be a list of Layer, got \[1\]"),
        ],
    ),
}
