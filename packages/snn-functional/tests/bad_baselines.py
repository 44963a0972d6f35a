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
            named=f"{name} must give" if value == [] else "",
            others=others | {name: value},
        )
        for name in names
    ]


def filled(value):
    return DATA.masked_fill(torch.arange(3) == 1, value)


LATER = ("valid", "test")
ROWS = [
    *part(3, TypeError, "NAME must be a pair of tensors, a Dataset or a DataLoader, got int"),
    *part((DATA[:0], LABELS[:0]), ValueError, r"NAME must have at least one sample, got data of shape \(0, 5, 3\)"),
    *part([], ValueError, "NAME must give at least one batch, got none"),
    *part(
        (filled(float("nan")), LABELS),
        ValueError,
        r"NAME has NaN, infinity or huge numbers in its data\. Fix: clean or scale the data",
    ),
    *part(
        (filled(1e30), LABELS),
        ValueError,
        r"NAME has NaN, infinity or huge numbers in its data\. Fix: clean or scale the data",
    ),
    *part(
        (DATA * 1j, LABELS),
        TypeError,
        r"the data of NAME must contain .* torch\.complex64\. Fix: pass torch\.view_as_real\(data\)",
    ),
    *part((DATA, LABELS - 1), ValueError, "the classes of NAME must be counted from 0, got class -1"),
    *part(
        (DATA, LABELS.unsqueeze(1)),
        ValueError,
        r"the targets of NAME must be one class per sample, or floats, .* shape \(6, 1\), torch\.int64",
    ),
    *part(
        (DATA, LABELS + 1),
        ValueError,
        r"NAME has class 3, of which train has no sample\. Fix: divide the data so that each class",
        LATER,
    ),
    *part((DATA[..., :2], LABELS), ValueError, "NAME has 2 values per step and classes as targets, but train", LATER),
    *part(NUMBERS, ValueError, "NAME has 3 values per step and 1 numbers as targets, but train has .* classes", LATER),
    *part(
        (DATA, LABELS.float() / 0),
        ValueError,
        r"NAME has NaN, infinity or huge numbers in its targets\. Fix: clean or scale the targets",
    ),
    *part(
        [(DATA.transpose(0, 1), LABELS), (DATA[..., :2].transpose(0, 1), LABELS)],
        ValueError,
        "NAME must have samples of one size, got 3 values per step, and then 2",
    ),
    *part(
        (DATA, torch.ones(6)),
        ValueError,
        r"NAME has a target that does not vary, so that R² is not defined\. Fix: pass other samples",
        LATER,
        **dict.fromkeys(("train", "valid", "test"), NUMBERS),
    ),
    *part(
        [(DATA, LABELS)],
        ValueError,
        r"the data of NAME must have shape .* of shape \(6,\)\. Fix: pass num_steps for data without",
    ),
    Row("net", "net", TypeError, r"net must be an (nn\.Module|nn\.Sequential), got str"),
    Row(
        "parameters",
        50,
        ValueError,
        r"parameters is 50, but net is given, which has its own number\. Fix: pass one of them",
        others={"net": build()},
    ),
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
            Row(name, 0.1, TypeError, rf"{name} must be a list of numbers, got 0\.1"),
            Row(name, "0.1", TypeError, rf"{name} must be a list of numbers, got '0\.1'"),
            Row(name, ["0.1"], TypeError, rf"{name} must be a list of numbers, got '0\.1'"),
            Row(name, [], ValueError, rf"{name} must have at least one number and none below 0, got \[\]"),
            Row(
                name, [0.1, -1], ValueError, rf"{name} must have at least one number and none below 0, got \[0\.1, -1\]"
            ),
            Row(name, [float("nan")], ValueError, f"{name} must be finite, got nan"),
        )
    ),
]
CASES = {"baselines": Case((SF.baselines,), SF.baselines, arguments, ROWS)}
