"""Bad input for ``fit``."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch.utils.data import IterableDataset, TensorDataset

import snn_functional as SF

from .bad_training import C, build, unchanged_if_refused
from .refusal import Case, Row

DATA, LABELS = torch.ones(5, 3), torch.arange(5) % C
PAIR = (DATA, LABELS)


class Endless(IterableDataset[Any]):
    def __iter__(self):
        return iter([PAIR])


def arguments():
    return {"net": build(), "train": PAIR, "valid": PAIR, "loss": SF.ce_count_loss(), "num_steps": 3, "epochs": 1} | {
        "progress": False
    }


def data(value, error, message, named="", **others):
    """Rows of data that do not fit, for training and for validation."""
    return [
        Row(name, value, error, message.replace("NAME", name), named=named and name + named.strip("x"), others=others)
        for name in ("train", "valid")
    ]


def number(name, least=True):
    rows = [
        Row(name, 2.5, TypeError, rf"{name} is 2\.5; pass a"),
        Row(name, True, TypeError, f"{name} is True; pass a"),
    ]
    return rows + ([Row(name, 0, ValueError, f"{name} is 0; it must be at least 1")] if least else [])


other = torch.optim.SGD(build().parameters(), 0.1)
TIMED = {"num_steps": None, "valid": [(torch.ones(7, 5, 3), LABELS)]}
EMPTY = TensorDataset(DATA[:0], LABELS[:0])
ROWS = [
    Row("net", "net", TypeError, "net is a str; pass an nn"),
    *data(3, TypeError, r"NAME is a int; pass a pair of tensors"),
    *data(DATA, TypeError, r"NAME is a Tensor; pass a pair of tensors"),
    *data(Endless(), TypeError, "NAME is a Endless; pass a pair"),
    *data((DATA, LABELS[:4]), ValueError, r"NAME has tensors of shapes \(5, 3\), \(4,\); pass data and targets", "x"),
    *data((DATA,), ValueError, r"NAME has tensors of shapes \(5, 3\); pass data and targets", "x"),
    *data((DATA[:0], LABELS[:0]), ValueError, r"NAME has no sample: data of shape \(0, 3\); pass", "x"),
    *data(EMPTY, ValueError, r"NAME is a TensorDataset without samples; pass at least one", "x"),
    *data([], ValueError, "NAME gave no batch; pass at least one", " gave no batch"),
    *data(iter([PAIR]), TypeError, "NAME is a list_iterator, which lasts for one epoch; pass a list, or a DataLoader"),
    *data([DATA], ValueError, r"NAME has tensors of shapes \(5, 3\); ", "x"),
    *data([(DATA, [1])], TypeError, r"NAME gave \(Tensor, list\); it must give tensors: pairs", "x"),
    *data(
        [(torch.ones(7, 5, 3), LABELS)],
        ValueError,
        r"NAME gave data of shape \(7, 5, 3\) with targets of shape \(5,\); .*num_steps=3 adds the axis of time; leave",
        "x",
    ),
    Row(
        "train",
        [(torch.ones(5, 7, 3), LABELS)],
        ValueError,
        r"train gave data of shape \(5, 7, 3\) with targets of shape \(5,\); .*\[T, batch.*batch_first=True for",
        named="train gave",
        others=TIMED,
    ),
    Row(
        "train",
        [(torch.ones(7, 5, 3), LABELS)],
        ValueError,
        r"train gave data of shape \(7, 5, 3\) with targets of shape \(5,\); the data must be \[batch, T",
        named="train gave",
        others={"num_steps": None, "batch_first": True, "valid": [(torch.ones(5, 7, 3), LABELS)]},
    ),
    Row("batch_first", "no", TypeError, r"batch_first is 'no'; pass True for batches \[batch, T"),
    Row("batch_first", True, ValueError, r"batch_first is True with num_steps=3, where the data has no axis of time"),
    Row(
        "train",
        [(torch.ones(2, 5, 3), LABELS, torch.tensor([1, 2, 3, 2, 1]))],
        ValueError,
        "lengths contains 3; with 2 steps",
        named="lengths",
        others=TIMED,
    ),
    Row("loss", "ce_count_loss", TypeError, r"loss is 'ce_count_loss'; pass a function such as .*ce_rate"),
    Row("loss", SF.ce_rate_loss, TypeError, "loss is the class ce_rate_loss; pass an instance"),
    Row("loss", SF.ce_rate_loss(reduction="none"), ValueError, r"loss returned a loss of shape \(5,\); "),
    *number("num_steps"),
    *number("epochs"),
    *number("patience"),
    *number("batch_size"),
    *number("seed", least=False),
    Row("epochs", None, TypeError, "epochs is None; pass a positive int"),
    Row("monitor", "accuracy", ValueError, "monitor is 'accuracy'; choose one of 'loss', 'metric'"),
    Row(
        "monitor",
        "metric",
        ValueError,
        "monitor is 'metric', but these targets and this loss have no default metric; pass a metric",
        others={"loss": SF.mse_membrane_loss()},
    ),
    Row(
        "scheduler",
        partial(torch.optim.lr_scheduler.ReduceLROnPlateau, mode="max"),
        ValueError,
        "scheduler has mode='max', but these targets and this loss have no default metric; pass a metric",
        named="scheduler has mode='max'",
        others={"loss": SF.mse_membrane_loss()},
    ),
    Row("folder", 3, TypeError, "folder is 3; pass the path"),
    Row("optimizer", "adam", TypeError, "optimizer is 'adam'; pass one made for the net"),
    Row("scheduler", "step", TypeError, "scheduler is 'step'; pass one of torch"),
    Row(
        "scheduler",
        torch.optim.lr_scheduler.StepLR(other, 1),
        ValueError,
        "scheduler is .*, of another optimizer; make",
    ),
    Row("metric", "accuracy", TypeError, "metric is 'accuracy'; pass a function such as functional.accuracy_rate"),
    Row("metric", SF.LossFunctions, TypeError, "metric is <class .*; pass a function"),
    Row("chunk", 0, ValueError, "chunk is 0|chunk=0|chunk must"),
    Row("memory", 0, ValueError, "memory"),
    Row("autocast", "float16", ValueError, r"autocast is 'float16'; pass torch\.bfloat16"),
    Row("callbacks", print, TypeError, "callbacks is <built-in function print>; pass a list of functions"),
    Row("callbacks", [3], TypeError, r"callbacks is \[3\]; pass a list"),
    Row("callbacks", 3, TypeError, r"callbacks is 3; pass a list"),
]
CASES = {"fit": Case((SF.fit,), unchanged_if_refused(SF.fit), arguments, ROWS)}
