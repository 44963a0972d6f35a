"""Bad input for losses, accuracies and statistics of recorded spikes."""

from __future__ import annotations

import math

import torch

import snn_functional as SF

from .refusal import Case, Row, made_and

SPK = torch.rand(7, 3, 4, generator=torch.Generator().manual_seed(0))
TARGETS = torch.tensor([3, 0, 1])
EVERY = torch.ones(7, 3, dtype=torch.bool)
NOT_THE_SECOND = EVERY & torch.tensor([True, False, True])
NAN = torch.full_like(SPK, math.nan)

STEPS = [
    Row("lengths", [1, 2, 3], ValueError, "lengths and mask are both given; pass one", others={"mask": EVERY}),
    Row("lengths", [1], ValueError, r"lengths has shape \(1,\); .* one length per sample, \[3\]"),
    Row(
        "lengths", [1] * 7, ValueError, r"needs one length per sample, \[3\]; axis 0 is time: .* xs\.transpose\(0, 1\)"
    ),
    Row("lengths", [0, 1, 2], ValueError, r"lengths contains 0; with 7 steps, a length must be in \[1, 7\]"),
    Row("lengths", [1, 8, 2], ValueError, "lengths contains 8"),
    Row("lengths", [1.0, 2.0, 3.0], TypeError, r"lengths has dtype torch\.float32; .* integers: pass lengths\.long"),
    Row("lengths", "abc", TypeError, "lengths is 'abc'; pass one int for each sample", named="lengths"),
    Row("mask", torch.ones(7, 3), TypeError, r"mask is torch\.float32; pass a bool tensor"),
    Row("mask", [[True]], TypeError, "mask is list; pass a bool tensor"),
    Row("mask", EVERY.T, ValueError, r"mask has shape \(3, 7\); .* needs \[num_steps, batch\], \[7, 3\]; pass mask\.T"),
    Row("mask", EVERY[1:], ValueError, r"mask has shape \(6, 3\); .* needs \[num_steps, batch\], \[7, 3\]$"),
    Row("mask", NOT_THE_SECOND, ValueError, "mask leaves sample 1 without a step; ", "leaves sample 1"),
    Row("mask", EVERY.to("meta"), ValueError, r"mask is on meta, .* on cpu; pass mask\.to"),
]
LABELS = [
    Row("targets", [3, 0, 1], TypeError, r"targets is a list; pass a torch\.Tensor"),
    Row("targets", TARGETS.float(), TypeError, r"targets has dtype torch\.float32; .* integers: pass targets\.long"),
    Row("targets", TARGETS.bool(), TypeError, r"targets has dtype torch\.bool"),
    Row("targets", TARGETS[:2], ValueError, r"targets has shape \(2,\); .* one label per sample, \[3\]$"),
    Row(
        "targets",
        torch.zeros(7, dtype=torch.int64),
        ValueError,
        r"one label per sample, \[3\]; axis 0 is time: if the data are \[batch, T, .*pass xs\.transpose\(0, 1\)",
    ),
    Row("targets", torch.eye(4, dtype=torch.int64)[TARGETS], ValueError, r"targets has shape \(3, 4\)"),
    Row("targets", TARGETS + 1, ValueError, r"targets contains 4; with 4 classes, a label must be in \[0, 3\]"),
    Row("targets", TARGETS - 1, ValueError, "targets contains -1"),
    Row("targets", TARGETS.to("meta"), ValueError, r"targets is on meta, .* on cpu; pass targets\.to"),
]
POPULATION = [
    *[
        Row("num_classes", value, error, message, others={"population_code": True})
        for value, error, message in (
            (False, ValueError, "num_classes is not given; population_code=True needs it"),
            (None, ValueError, "num_classes is not given"),
            (0, ValueError, "num_classes is 0; it must be at least 1"),
            (-2, ValueError, "num_classes is -2"),
            (2.0, TypeError, r"num_classes is 2\.0; pass an int"),
            (True, TypeError, "num_classes is True"),
            (3, ValueError, "spk_out has 4 outputs, not a multiple of num_classes=3; .* groups of equal size"),
        )
    ],
    Row(
        "targets", TARGETS, ValueError, "contains 3; with 2 classes", others={"population_code": True, "num_classes": 2}
    ),
]
OPTIONS = [
    Row("reduction", "average", ValueError, "reduction is 'average'; choose one of 'mean', 'sum', 'none'"),
    Row("reduction", None, ValueError, "reduction is None"),
    Row("weight", "heavy", TypeError, "weight is 'heavy'; pass a tensor with one number per class"),
    Row("weight", torch.ones(4, dtype=torch.complex64), TypeError, r"weight has dtype torch\.complex64; pass real"),
    Row("weight", torch.tensor([1.0, -1.0]), ValueError, r"weight contains -1\.0; pass finite numbers of at least 0"),
    Row("weight", [1.0, math.inf], ValueError, "weight contains inf; pass finite numbers"),
    Row("weight", [1.0, math.nan], ValueError, "weight contains nan; pass finite numbers"),
    Row("weight", torch.ones(2, 2), ValueError, r"weight has shape \(2, 2\); .*\[num_classes\]"),
    Row("weight", 1.0, ValueError, r"weight has shape \(\); .*\[num_classes\]", "weight has shape"),
    Row("weight", torch.ones(3), ValueError, "weight has 3 entries for 4 classes; give one per class"),
]


OVER = [Row("over", "sum", ValueError, "over is 'sum'; choose one of 'mean', 'max', 'last'")]


def recording(name: str) -> list[Row]:
    """Rows of a recording under its name in messages."""
    return [
        Row("spk_out", [1.0], TypeError, rf"{name} is a list; pass a torch\.Tensor", named=name),
        Row("spk_out", SPK.to(torch.complex64), TypeError, rf"{name} has dtype torch\.complex64; .* real", named=name),
        Row("spk_out", (SPK, SPK), TypeError, rf"{name} is a tuple; .* output=True returns .* one of them", named=name),
        Row("spk_out", [(SPK[0], SPK[0])], TypeError, rf"{name} is a list of tuples; .* spk, mem = net", named=name),
        Row("spk_out", SPK[0], ValueError, rf"{name} has shape \(3, 4\); .*torch\.stack\(steps\) adds", named=name),
        Row("spk_out", SPK[:0], ValueError, rf"{name} has shape \(0, 3, 4\); .* with no axis of size 0", named=name),
        Row("spk_out", SPK[:, :0], ValueError, rf"{name} has shape \(7, 0, 4\)", named=name),
        Row("spk_out", SPK[..., :0], ValueError, rf"{name} has shape \(7, 3, 0\)", named=name),
    ]


def loss(kind: type, *rows: Row) -> Case:
    """A loss of a recording and labels."""
    name = getattr(kind, "recording", "spk_out")
    integers = Row("spk_out", SPK.long(), TypeError, rf"{name} has dtype torch\.int64; .* {name}\.float", named=name)
    return Case(
        (kind, kind.__call__),
        made_and(kind, "__call__"),
        lambda: {"spk_out": SPK, "targets": TARGETS},
        [*recording(name), integers, *LABELS, *STEPS, *OPTIONS, *rows],
    )


def number(name: str, *more: Row) -> list[Row]:
    """Rows of a finite number."""
    return [
        Row(name, "a", TypeError, f"{name} is 'a'; pass "),
        Row(name, math.nan, ValueError, f"{name} is nan; "),
        Row(name, math.inf, ValueError, f"{name} is inf; "),
        *more,
    ]


def share(name: str) -> list[Row]:
    """Rows of a number from 0 to 1."""
    return number(name, *[Row(name, x, ValueError, rf"{name} is {x}; .* must be in \[0, 1\]") for x in (-0.1, 1.5)])


def times(name: str) -> list[Row]:
    """Rows of spike times by class."""
    many = {"multi_spike": True, "on_target": [0]}
    return [
        Row(name, "early", TypeError, f"{name} is 'early'; pass a number of steps"),
        Row(name, torch.tensor(True), TypeError, rf"{name} has dtype torch\.bool; a spike time is a real number"),
        Row(name, [0, 1], ValueError, rf"{name} is \[0, 1\]; pass one time; or multi_spike=True"),
        Row(name, 0, ValueError, rf"{name} is 0; pass one time for each spike, \[F\]", others=many | {name: 0}),
        Row(name, [0, 1, 2], ValueError, "_target has 3 spikes and|_target 3; give every", others=_matching(name)),
        Row(name, -9, ValueError, "a target time is -9.*; with 7 steps it must be at least -7", named="target"),
        Row(name, math.nan, ValueError, "a target time is nan", named="target"),
    ]


def _matching(name: str) -> dict[str, object]:
    other = "off_target" if name == "on_target" else "on_target"
    return {"multi_spike": True, other: [1]}


EACH, TIMES = {"time_var_targets": True}, {"target_is_time": True}
CASES = {
    "LossFunctions": Case(
        (SF.LossFunctions,),
        SF.LossFunctions,
        lambda: {"reduction": "mean"},
        [
            *OPTIONS[:2],
            Row("weight", [1.0, 2.0], TypeError, r"weight is \[1\.0, 2\.0\]; pass a tensor .*torch\.as_tensor"),
        ],
    ),
    "ce_rate_loss": loss(SF.ce_rate_loss, *POPULATION, *share("label_smoothing")),
    "ce_count_loss": loss(SF.ce_count_loss, *POPULATION, *share("label_smoothing")),
    "mse_count_loss": loss(SF.mse_count_loss, *POPULATION, *share("correct_rate"), *share("incorrect_rate")),
    "ce_max_membrane_loss": loss(SF.ce_max_membrane_loss, *share("label_smoothing")),
    "ce_membrane_loss": loss(SF.ce_membrane_loss, *share("label_smoothing"), *OVER),
    "tet_loss": Case(
        (SF.tet_loss, SF.tet_loss.__call__),
        made_and(SF.tet_loss, "__call__"),
        lambda: {"spk_out": SPK, "targets": TARGETS},
        [
            *recording("mem_out"),
            Row(
                "spk_out", SPK.long(), TypeError, r"mem_out has dtype torch\.int64; .* mem_out\.float", named="mem_out"
            ),
            *LABELS,
            *STEPS,
            *OPTIONS[:2],
            *share("lamb"),
            *number("phi"),
            *share("label_smoothing"),
        ],
    ),
    "mse_membrane_loss": loss(
        SF.mse_membrane_loss,
        *number("on_target"),
        *number("off_target"),
        Row("weight", [1.0], ValueError, "weight is given with time_var_targets=True; ", "weight is given", EACH),
        Row("targets", TARGETS, ValueError, r"targets has shape \(3,\); .* it must be \[7, 3, 4\] or", others=EACH),
        Row("targets", SPK[:3], ValueError, r"targets has shape \(3, 3, 4\); .*\[7, 3\]", others=EACH),
        Row("targets", SPK.to(torch.complex64), TypeError, "complex64; a membrane is a real", others=EACH),
        Row("targets", [1], TypeError, r"targets is a list; pass a torch\.Tensor", others=EACH),
        Row("targets", torch.full((7, 3), 9), ValueError, "targets contains 9; with 4 classes", others=EACH),
        Row("targets", torch.zeros(2, 3).long(), ValueError, r"targets has shape \(2, 3\); .*\[7, 3\]", others=EACH),
    ),
    "mse_temporal_loss": loss(
        SF.mse_temporal_loss,
        *times("on_target"),
        *times("off_target"),
        Row("tolerance", -1, ValueError, "tolerance is -1; it is a number of steps, at least 0"),
        Row("tolerance", math.nan, ValueError, "tolerance is nan"),
        Row("tolerance", math.inf, ValueError, "tolerance is inf; it must be finite: pass a number of steps"),
        Row("tolerance", "1", TypeError, "tolerance is '1'; pass a number of steps"),
        Row("weight", [1.0], ValueError, "weight is given with target_is_time=True; ", "weight is given", TIMES),
        Row("targets", torch.zeros(5, 3), ValueError, r"targets has shape \(5, 3\); .* broadcast to", others=TIMES),
        Row("targets", [0, 1], TypeError, r"targets is a list; pass a torch\.Tensor", others=TIMES),
        Row("targets", torch.tensor([True]), TypeError, r"targets has dtype torch\.bool; spike times", others=TIMES),
        Row("targets", torch.tensor([math.nan, 0, 0, 0]), ValueError, "time is nan; with 7", "target", TIMES),
        *[
            Row(
                "targets",
                torch.zeros(shape),
                ValueError,
                r"targets has shape \(0,.*\); .* there is at least one spike time: pass \[F, batch, num_outputs\]",
                others={**TIMES, "multi_spike": True},
            )
            for shape in ((0,), (0, 4), (0, 3, 4))
        ],
        Row(
            "targets",
            torch.tensor(1.0),
            ValueError,
            r"targets has shape \(\); .*\[F, batch, num_outputs\]",
            others={**TIMES, "multi_spike": True},
        ),
    ),
    "ce_temporal_loss": loss(
        SF.ce_temporal_loss,
        *share("label_smoothing"),
        Row("inverse", "square", ValueError, "inverse is 'square'; choose one of 'negate', 'reciprocal'"),
    ),
    **{
        name: Case(
            (getattr(SF, name),),
            getattr(SF, name),
            lambda: {"spk_out": SPK, "targets": TARGETS},
            [
                *recording("spk_out"),
                Row("spk_out", NAN, ValueError, "spk_out contains NaN, .*; look for its source in the net"),
                *LABELS,
                *STEPS,
                *(POPULATION if name == "accuracy_rate" else ()),
            ],
        )
        for name in ("accuracy_rate", "accuracy_temporal")
    },
    "accuracy_membrane": Case(
        (SF.accuracy_membrane,),
        SF.accuracy_membrane,
        lambda: {"mem_out": SPK, "targets": TARGETS},
        [
            *(row._replace(argument="mem_out") for row in recording("mem_out")),
            Row("mem_out", NAN, ValueError, "mem_out contains NaN, .*; look for its source in the net"),
            *LABELS,
            *STEPS,
            *OVER,
        ],
    ),
    "l1_rate_sparsity": Case(
        (SF.l1_rate_sparsity, SF.l1_rate_sparsity.__call__),
        made_and(SF.l1_rate_sparsity, "__call__"),
        lambda: {"spk_out": SPK},
        [
            *number("Lambda"),
            Row("spk_out", [1.0], TypeError, r"spk_out is a list; pass a torch\.Tensor"),
            Row("spk_out", SPK.to(torch.complex64), TypeError, r"spk_out has dtype torch\.complex64; .* real"),
            Row(
                "spk_out", torch.ones(7), ValueError, r"spk_out has shape \(7,\); .*\[num_steps", others={"mask": EVERY}
            ),
            *STEPS,
        ],
    ),
    **{
        name: Case(
            (getattr(SF, name),),
            getattr(SF, name),
            lambda: {"spk": SPK},
            [
                Row("spk", [1.0], TypeError, r"spk is a list; pass a torch\.Tensor"),
                Row("spk", SPK.to(torch.complex64), TypeError, r"spk has dtype torch\.complex64; .* real"),
                Row("spk", SPK[0, 0], ValueError, r"spk has shape \(4,\); it must be \[num_steps, batch, \.\.\.\]"),
                Row("spk", SPK[:0], ValueError, r"spk has shape \(0, 3, 4\); .* with no axis of size 0"),
                Row("spk", NAN, ValueError, "spk contains NaN, .*; look for its source in the net"),
                *STEPS,
                *rows,
            ],
        )
        for name, rows in {
            "firing_rate": number("dt", Row("dt", 0, ValueError, "dt is 0; the length of a step must be positive")),
            "sparsity": [],
            "dead_neurons": share("rate"),
            "saturated_neurons": [*share("rate"), Row("rate", True, TypeError, "rate is True; pass a number")],
        }.items()
    },
}
