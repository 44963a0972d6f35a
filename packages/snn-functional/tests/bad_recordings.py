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
    Row(
        "lengths",
        [1, 2, 3],
        ValueError,
        r"lengths and mask are both given\. Fix: pass one of them",
        others={"mask": EVERY},
    ),
    Row(
        "lengths",
        [1],
        ValueError,
        r"lengths must have one length per sample, \[3\], for .* of shape \(7, 3, 4\), got \(1,\)",
    ),
    Row(
        "lengths",
        [1] * 7,
        ValueError,
        r"lengths must have one length per sample, \[3\], for .* xs\.transpose\(0, 1\) to the net",
    ),
    Row("lengths", [0, 1, 2], ValueError, r"lengths must be in \[1, 7\] with 7 steps, got 0"),
    Row("lengths", [1, 8, 2], ValueError, r"lengths must be in \[1, 7\] with 7 steps, got 8"),
    Row(
        "lengths",
        [1.0, 2.0, 3.0],
        TypeError,
        r"lengths must be integers, got dtype torch\.float32\. Fix: pass lengths\.long\(\)",
    ),
    Row(
        "lengths",
        "abc",
        TypeError,
        "lengths must be one int for each sample, as a tensor or a list, got 'abc'",
        named="lengths",
    ),
    Row(
        "mask",
        torch.ones(7, 3),
        TypeError,
        r"mask must be a bool tensor that is True at the steps that count, got torch\.float32",
    ),
    Row("mask", [[True]], TypeError, "mask must be a bool tensor that is True at the steps that count, got list"),
    Row(
        "mask",
        EVERY.T,
        ValueError,
        r"mask must have shape \[num_steps, batch\] = \[7, .* 4\), got \(3, 7\)\. Fix: pass mask\.T",
    ),
    Row(
        "mask",
        EVERY[1:],
        ValueError,
        r"mask must have shape \[num_steps, batch\] = \[7, .* of shape \(7, 3, 4\), got \(6, 3\)",
    ),
    Row(
        "mask",
        NOT_THE_SECOND,
        ValueError,
        r"mask leaves sample 1 without a step\. Fix: leave that sample out",
        "leaves sample 1",
    ),
    Row("mask", EVERY.to("meta"), ValueError, "mask must be on cpu like .*"),
]
LABELS = [
    Row("targets", [3, 0, 1], TypeError, r"targets must be a torch\.Tensor, got list\. Fix: pass .*"),
    Row(
        "targets",
        TARGETS.float(),
        TypeError,
        r"targets must be integers, got dtype torch\.float32\. Fix: pass targets\.long\(\)",
    ),
    Row(
        "targets",
        TARGETS.bool(),
        TypeError,
        r"targets must be integers, got dtype torch\.bool\. Fix: pass targets\.long\(\)",
    ),
    Row(
        "targets",
        TARGETS[:2],
        ValueError,
        r"targets must have one label per sample, \[3\], for .* of shape \(7, 3, 4\), got \(2,\)",
    ),
    Row(
        "targets",
        torch.zeros(7, dtype=torch.int64),
        ValueError,
        r"targets must have one label per sample, \[3\], for .* xs\.transpose\(0, 1\) to the net",
    ),
    Row(
        "targets",
        torch.eye(4, dtype=torch.int64)[TARGETS],
        ValueError,
        r"targets must have one label per sample, \[3\], for .* of shape \(7, 3, 4\), got \(3, 4\)",
    ),
    Row("targets", TARGETS + 1, ValueError, r"targets must be in \[0, 3\] with 4 classes, got 4"),
    Row("targets", TARGETS - 1, ValueError, r"targets must be in \[0, 3\] with 4 classes, got -1"),
    Row("targets", TARGETS.to("meta"), ValueError, "targets must be on cpu like .*"),
]
POPULATION = [
    *[
        Row("num_classes", value, error, message, others={"population_code": True})
        for value, error, message in (
            (False, ValueError, "num_classes is not given, but population_code=True needs it to form the groups"),
            (None, ValueError, "num_classes is not given"),
            (0, ValueError, "num_classes must be at least 1, got 0"),
            (-2, ValueError, "num_classes must be at least 1, got -2"),
            (2.0, TypeError, r"num_classes must be an int, got 2\.0"),
            (True, TypeError, "num_classes must be an int, got True"),
            (3, ValueError, "spk_out must have a multiple of num_classes=3 outputs, as a .* size, got 4 outputs"),
        )
    ],
    Row(
        "targets",
        TARGETS,
        ValueError,
        r"targets must be in \[0, 1\] with 2 classes, got 3",
        others={"population_code": True, "num_classes": 2},
    ),
]
OPTIONS = [
    Row("reduction", "average", ValueError, "reduction must be one of 'mean', 'sum', 'none', got 'average'"),
    Row("reduction", None, ValueError, "reduction must be one of 'mean', 'sum', 'none', got None"),
    Row("weight", "heavy", TypeError, "weight must be a tensor with one number per class, got 'heavy'"),
    Row(
        "weight",
        torch.ones(4, dtype=torch.complex64),
        TypeError,
        r"weight must be real numbers, got dtype torch\.complex64",
    ),
    Row("weight", torch.tensor([1.0, -1.0]), ValueError, r"weight must be finite numbers of at least 0, got -1\.0"),
    Row("weight", [1.0, math.inf], ValueError, "weight must be finite numbers of at least 0, got inf"),
    Row("weight", [1.0, math.nan], ValueError, "weight must be finite numbers of at least 0, got nan"),
    Row(
        "weight",
        torch.ones(2, 2),
        ValueError,
        r"weight must have one number for each class, \[num_classes\], got shape \(2, 2\)",
    ),
    Row(
        "weight",
        1.0,
        ValueError,
        r"weight must have one number for each class, \[num_classes\], got shape \(\)",
        "weight must have",
    ),
    Row("weight", torch.ones(3), ValueError, "weight must have one entry for each of 4 classes, got 3 entries"),
]


OVER = [Row("over", "sum", ValueError, "over must be one of 'mean', 'max', 'last', got 'sum'")]


def recording(name: str) -> list[Row]:
    """Rows of a recording under its name in messages."""
    return [
        Row(
            "spk_out",
            [1.0],
            TypeError,
            rf"{name} must be a torch\.Tensor, got list\. Fix: pass torch\.stack",
            named=name,
        ),
        Row(
            "spk_out",
            SPK.to(torch.complex64),
            TypeError,
            rf"{name} must contain real numbers, got dtype torch\.complex64",
            named=name,
        ),
        Row(
            "spk_out",
            (SPK, SPK),
            TypeError,
            f"{name} must be .*, got tuple, .* output=True .*Fix: pass one of them",
            named=name,
        ),
        Row(
            "spk_out",
            [(SPK[0], SPK[0])],
            TypeError,
            f"{name} must be .*, got list of tuples, .* spk, mem = net",
            named=name,
        ),
        Row(
            "spk_out",
            SPK[0],
            ValueError,
            rf"{name} must have shape .*, got \(3, 4\)\. Fix: pass torch\.stack\(steps\)",
            named=name,
        ),
        Row("spk_out", SPK[:0], ValueError, rf"{name} must .* with no axis of size 0, got \(0, 3, 4\)", named=name),
        Row("spk_out", SPK[:, :0], ValueError, rf"{name} must .* with no axis of size 0, got \(7, 0, 4\)", named=name),
        Row(
            "spk_out", SPK[..., :0], ValueError, rf"{name} must .* with no axis of size 0, got \(7, 3, 0\)", named=name
        ),
    ]


def loss(kind: type, *rows: Row) -> Case:
    """A loss of a recording and labels."""
    name = getattr(kind, "recording", "spk_out")
    integers = Row(
        "spk_out",
        SPK.long(),
        TypeError,
        rf"{name} must be floats, got dtype torch\.int64\. Fix: pass {name}\.float",
        named=name,
    )
    return Case(
        (kind, kind.__call__),
        made_and(kind, "__call__"),
        lambda: {"spk_out": SPK, "targets": TARGETS},
        [*recording(name), integers, *LABELS, *STEPS, *OPTIONS, *rows],
    )


def number(name: str, *more: Row) -> list[Row]:
    """Rows of a finite number."""
    return [
        Row(name, "a", TypeError, f"{name} must be .*, got 'a'"),
        Row(name, math.nan, ValueError, f"{name} must be (finite|in .0, 1.).*, got nan"),
        Row(name, math.inf, ValueError, f"{name} must be (finite|in .0, 1.).*, got inf"),
        *more,
    ]


def share(name: str) -> list[Row]:
    """Rows of a number from 0 to 1."""
    return number(name, *[Row(name, x, ValueError, rf"{name} must be in \[0, 1\].*, got {x}") for x in (-0.1, 1.5)])


def times(name: str) -> list[Row]:
    """Rows of spike times by class."""
    many = {"multi_spike": True, "on_target": [0]}
    return [
        Row(name, "early", TypeError, f"{name} must be a number of steps, .*, got 'early'"),
        Row(name, torch.tensor(True), TypeError, rf"{name} must be real numbers, got dtype torch\.bool"),
        Row(name, [0, 1], ValueError, rf"{name} must be one time, or a list with multi_spike=True, got \[0, 1\]"),
        Row(name, 0, ValueError, rf"{name} must be one time for each spike, \[F\], .*, got 0", others=many | {name: 0}),
        Row(
            name,
            [0, 1, 2],
            ValueError,
            "on_target has .* Fix: give every output the same number",
            others=_matching(name),
        ),
        Row(
            name,
            -9,
            ValueError,
            r"a target time must be at least -7 with 7 steps \(negative ones count from the end\), got -9",
            named="target",
        ),
        Row(
            name,
            math.nan,
            ValueError,
            r"a target time must be at least -7 with 7 steps \(negative ones count from the end\), got nan",
            named="target",
        ),
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
            Row(
                "weight",
                [1.0, 2.0],
                TypeError,
                r"weight must be a tensor with .* got \[1\.0, 2\.0\]\. Fix: pass torch\.as_tensor\(weight\)",
            ),
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
                "spk_out",
                SPK.long(),
                TypeError,
                r"mem_out must be floats, got dtype torch\.int64\. Fix: pass mem_out\.float\(\)",
                named="mem_out",
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
        Row(
            "weight",
            [1.0],
            ValueError,
            r"weight is given with time_var_targets=True, .* one label per sample\. Fix: leave out weight",
            "weight is given",
            EACH,
        ),
        Row(
            "targets",
            TARGETS,
            ValueError,
            r"targets must have shape \[7, 3, 4\] or, for labels, .* time_var_targets=True, got \(3,\)",
            others=EACH,
        ),
        Row(
            "targets",
            SPK[:3],
            ValueError,
            r"targets must have shape \[7, 3, 4\] or, for labels, \[7, 3\] with .* got \(3, 3, 4\)",
            others=EACH,
        ),
        Row(
            "targets",
            SPK.to(torch.complex64),
            TypeError,
            r"targets must contain real numbers, got dtype torch\.complex64",
            others=EACH,
        ),
        Row("targets", [1], TypeError, r"targets must be a torch\.Tensor, got list\. Fix: pass .*", others=EACH),
        Row(
            "targets",
            torch.full((7, 3), 9),
            ValueError,
            r"targets must be in \[0, 3\] with 4 classes, got 9",
            others=EACH,
        ),
        Row(
            "targets",
            torch.zeros(2, 3).long(),
            ValueError,
            r"targets must have one label per step and sample of mem_out, \[7, 3\], got \(2, 3\)",
            others=EACH,
        ),
    ),
    "mse_temporal_loss": loss(
        SF.mse_temporal_loss,
        *times("on_target"),
        *times("off_target"),
        Row("tolerance", -1, ValueError, "tolerance must be at least 0, in steps, got -1"),
        Row("tolerance", math.nan, ValueError, "tolerance must be finite, got nan"),
        Row("tolerance", math.inf, ValueError, "tolerance must be finite, got inf"),
        Row("tolerance", "1", TypeError, "tolerance must be a number of steps, got '1'"),
        Row(
            "weight",
            [1.0],
            ValueError,
            r"weight is given with target_is_time=True, .* needs labels as targets\. Fix: leave out weight",
            "weight is given",
            TIMES,
        ),
        Row(
            "targets",
            torch.zeros(5, 3),
            ValueError,
            r"targets must broadcast to \[batch, num_outputs\] for spk_out with .* got shape \(5, 3\)",
            others=TIMES,
        ),
        Row("targets", [0, 1], TypeError, r"targets must be a torch\.Tensor, got list\. Fix: pass .*", others=TIMES),
        Row(
            "targets",
            torch.tensor([True]),
            TypeError,
            r"targets must be real numbers, got dtype torch\.bool",
            others=TIMES,
        ),
        Row(
            "targets",
            torch.tensor([math.nan, 0, 0, 0]),
            ValueError,
            r"a target time must be at least -7 with 7 steps \(negative ones count from the end\), got nan",
            "target",
            TIMES,
        ),
        *[
            Row(
                "targets",
                torch.zeros(shape),
                ValueError,
                r"targets must have at least one spike time, \[F, .*",
                others={**TIMES, "multi_spike": True},
            )
            for shape in ((0,), (0, 4), (0, 3, 4))
        ],
        Row(
            "targets",
            torch.tensor(1.0),
            ValueError,
            r"targets must broadcast to \[F, batch, num_outputs\] for spk_out .* outputs, got shape \(\)",
            others={**TIMES, "multi_spike": True},
        ),
    ),
    "ce_temporal_loss": loss(
        SF.ce_temporal_loss,
        *share("label_smoothing"),
        Row("inverse", "square", ValueError, "inverse must be one of 'negate', 'reciprocal', got 'square'"),
    ),
    **{
        name: Case(
            (getattr(SF, name),),
            getattr(SF, name),
            lambda: {"spk_out": SPK, "targets": TARGETS},
            [
                *recording("spk_out"),
                Row(
                    "spk_out",
                    NAN,
                    ValueError,
                    r"spk_out contains NaN, which is .* the absence of one\. Fix: look for its source in the net",
                ),
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
            Row(
                "mem_out",
                NAN,
                ValueError,
                r"mem_out contains NaN, which is not a potential\. Fix: look for its source in the net",
            ),
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
            Row(
                "spk_out",
                [1.0],
                TypeError,
                r"spk_out must be a torch\.Tensor, got list\. Fix: pass torch\.stack\(steps\)",
            ),
            Row(
                "spk_out",
                SPK.to(torch.complex64),
                TypeError,
                r"spk_out must contain real numbers, got dtype torch\.complex64",
            ),
            Row(
                "spk_out",
                torch.ones(7),
                ValueError,
                r"spk_out must have shape \[num_steps, batch, \.\.\.\] for lengths and mask, got \(7,\)",
                others={"mask": EVERY},
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
                Row(
                    "spk", [1.0], TypeError, r"spk must be a torch\.Tensor, got list\. Fix: pass torch\.stack\(steps\)"
                ),
                Row(
                    "spk",
                    SPK.to(torch.complex64),
                    TypeError,
                    r"spk must contain real numbers, got dtype torch\.complex64",
                ),
                Row(
                    "spk",
                    SPK[0, 0],
                    ValueError,
                    r"spk must have shape \[num_steps, batch, \.\.\.\], with no axis of size 0, got \(4,\)",
                ),
                Row(
                    "spk",
                    SPK[:0],
                    ValueError,
                    r"spk must have shape \[num_steps, batch, \.\.\.\], with no axis of size 0, got \(0, 3, 4\)",
                ),
                Row(
                    "spk",
                    NAN,
                    ValueError,
                    r"spk contains NaN, which is .* the absence of one\. Fix: look for its source in the net",
                ),
                *STEPS,
                *rows,
            ],
        )
        for name, rows in {
            "firing_rate": number("dt", Row("dt", 0, ValueError, "dt must be greater than 0, in seconds, got 0")),
            "sparsity": [],
            "dead_neurons": share("rate"),
            "saturated_neurons": [*share("rate"), Row("rate", True, TypeError, "rate must be a number, got True")],
        }.items()
    },
}
