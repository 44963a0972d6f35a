"""Bad input for ``baselines``."""

from __future__ import annotations

import torch

import snn_functional as SF

from .bad_fit import number
from .bad_training import build
from .refusal import Case, Row

DATA, LABELS = torch.rand(6, 5, 3), torch.arange(6) % 3
PAIR = (DATA, LABELS)
NUMBERS = (DATA, torch.arange(6.0))


def arguments():
    return {"train": PAIR, "valid": PAIR, "test": PAIR, "net": None, "parameters": 50, "num_steps": None} | {
        "learning_rates": [0.01],
        "weight_decays": [0.0],
        "epochs": 1,
        "progress": False,
    }


def part(value, error, message, names=("train", "valid", "test"), **others):
    """Rows of a part that does not fit."""
    return [
        Row(
            name,
            value,
            error,
            message.replace("NAME", name),
            named=f"{name} gave" if value == [] else "",
            others=others | {name: value},
        )
        for name in names
    ]


def filled(value):
    return DATA.masked_fill(torch.arange(3) == 1, value)


LATER = ("valid", "test")
ROWS = [
    *part(3, TypeError, "NAME is a int; pass a pair of tensors"),
    *part((DATA[:0], LABELS[:0]), ValueError, r"NAME has no sample: data of shape \(0, 5, 3\); pass at least one"),
    *part([], ValueError, "NAME gave no batch; pass at least one"),
    *part((filled(float("nan")), LABELS), ValueError, "NAME has NaN, infinity or huge numbers in its data; clean"),
    *part((filled(1e30), LABELS), ValueError, "NAME has NaN, infinity or huge numbers in its data; clean or scale"),
    *part((DATA * 1j, LABELS), TypeError, r"NAME has data of dtype torch\.complex64; pass real numbers"),
    *part((DATA, LABELS - 1), ValueError, "NAME has class -1; count classes from 0"),
    *part(
        (DATA, LABELS.unsqueeze(1)), ValueError, r"NAME has targets of shape \(6, 1\), torch.int64; pass one class per"
    ),
    *part((DATA, LABELS + 1), ValueError, "NAME has class 3, of which train has no sample; divide the data so", LATER),
    *part((DATA[..., :2], LABELS), ValueError, "NAME has 2 values per step and classes as targets, but train", LATER),
    *part(NUMBERS, ValueError, "NAME has 3 values per step and 1 numbers as targets, but train has .* classes", LATER),
    *part(
        (DATA, LABELS.float() / 0),
        ValueError,
        "NAME has NaN, infinity or huge numbers in its targets; clean or scale the targets",
    ),
    *part(
        [(DATA.transpose(0, 1), LABELS), (DATA[..., :2].transpose(0, 1), LABELS)],
        ValueError,
        "NAME gave 3 values per step, and then 2; pass samples of one size",
    ),
    *part(
        (DATA, torch.ones(6)),
        ValueError,
        "NAME has a target that does not vary, so that R² is not defined; pass other",
        LATER,
        **dict.fromkeys(("train", "valid", "test"), NUMBERS),
    ),
    *part([(DATA, LABELS)], ValueError, r"NAME gave data of shape \(6, 5, 3\) with targets of shape \(6,\)"),
    Row("net", "net", TypeError, "net is a str; pass an nn"),
    Row("parameters", 50, ValueError, "parameters is 50, and net is given, .*; pass one", others={"net": build()}),
    *number("parameters"),
    *number("num_steps"),
    *number("epochs"),
    *number("patience"),
    *number("batch_size"),
    *number("seed", least=False),
    *(
        row
        for name in ("learning_rates", "weight_decays")
        for row in (
            Row(name, 0.1, TypeError, rf"{name} is 0\.1; pass a list of numbers"),
            Row(name, "0.1", TypeError, rf"{name} is '0\.1'; pass a list of numbers"),
            Row(name, ["0.1"], TypeError, rf"{name} is '0\.1'; pass a list of numbers"),
            Row(name, [], ValueError, rf"{name} is \[\]; pass at least one number, none below 0"),
            Row(name, [0.1, -1], ValueError, rf"{name} is \[0\.1, -1\]; pass at least one number, none below 0"),
            Row(name, [float("nan")], ValueError, f"{name} is nan; it must be finite"),
        )
    ),
]
CASES = {"baselines": Case((SF.baselines,), SF.baselines, arguments, ROWS)}
