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
        Row(name, 2.5, TypeError, rf"{name} must be an? .*int, got 2\.5"),
        Row(name, True, TypeError, f"{name} must be an? .*int, got True"),
    ]
    return rows + ([Row(name, 0, ValueError, f"{name} must be at least 1, got 0")] if least else [])


other = torch.optim.SGD(build().parameters(), 0.1)
TIMED = {"num_steps": None, "valid": [(torch.ones(7, 5, 3), LABELS)]}
EMPTY = TensorDataset(DATA[:0], LABELS[:0])
ROWS = [
    Row("net", "net", TypeError, r"net must be an (nn\.Module|nn\.Sequential), got str"),
    *data(3, TypeError, "NAME must be a pair of tensors, a Dataset or a DataLoader, got int"),
    *data(DATA, TypeError, "NAME must be a pair of tensors, a Dataset or a DataLoader, got Tensor"),
    *data(Endless(), TypeError, "NAME must be a pair of tensors, a Dataset or a DataLoader, got Endless"),
    *data(
        (DATA, LABELS[:4]),
        ValueError,
        r"NAME must have data and targets with one row per sample, got .* shapes \(5, 3\), \(4,\)",
        "x",
    ),
    *data(
        (DATA,),
        ValueError,
        r"NAME must have data and targets with one row per sample, got tensors of shapes \(5, 3\)",
        "x",
    ),
    *data((DATA[:0], LABELS[:0]), ValueError, r"NAME must have at least one sample, got data of shape \(0, 3\)", "x"),
    *data(EMPTY, ValueError, "NAME must have at least one sample, got an empty TensorDataset", "x"),
    *data([], ValueError, "NAME must give at least one batch, got none", " must give"),
    *data(
        iter([PAIR]),
        TypeError,
        r"NAME is a list_iterator, which lasts for one epoch\. Fix: pass a list, or a DataLoader",
    ),
    *data(
        [DATA],
        ValueError,
        r"NAME must have data and targets with one row per sample, got tensors of shapes \(5, 3\)",
        "x",
    ),
    *data(
        [(DATA, [1])],
        TypeError,
        r"NAME must give tensors: pairs of data and targets, or .* samples, got \(Tensor, list\)",
        "x",
    ),
    *data(
        [(torch.ones(7, 5, 3), LABELS)],
        ValueError,
        r"the data of NAME must have shape .* of shape \(5,\)\. Fix: leave out num_steps=3, which adds",
        "x",
    ),
    Row(
        "train",
        [(torch.ones(5, 7, 3), LABELS)],
        ValueError,
        r"the data of train must have shape .* of shape \(5,\)\. Fix: pass num_steps for data without",
        named="the data of train",
        others=TIMED,
    ),
    Row(
        "train",
        [(torch.ones(7, 5, 3), LABELS)],
        ValueError,
        r"the data of train must have shape .* of shape \(5,\)\. Fix: pass num_steps for data without",
        named="the data of train",
        others={"num_steps": None, "batch_first": True, "valid": [(torch.ones(5, 7, 3), LABELS)]},
    ),
    Row(
        "batch_first",
        "no",
        TypeError,
        r"batch_first must be True for batches \[batch, T, \.\.\.\], .* batch, \.\.\.\], got 'no'",
    ),
    Row("batch_first", True, ValueError, r"batch_first is True with num_steps=3, where the data has no axis of time"),
    Row(
        "train",
        [(torch.ones(2, 5, 3), LABELS, torch.tensor([1, 2, 3, 2, 1]))],
        ValueError,
        r"lengths must be in \[1, 2\] with 2 steps, got 3",
        named="lengths",
        others=TIMED,
    ),
    Row(
        "loss",
        "ce_count_loss",
        TypeError,
        r"loss must be a function such as functional\.ce_rate_loss\(\), got 'ce_count_loss'",
    ),
    Row(
        "loss", SF.ce_rate_loss, TypeError, r"loss is the class ce_rate_loss\. Fix: pass an instance, ce_rate_loss\(\)"
    ),
    Row(
        "loss",
        SF.ce_rate_loss(reduction="none"),
        ValueError,
        r"loss must return a scalar, as with reduction='mean', got shape \(5,\)",
    ),
    *number("num_steps"),
    *number("epochs"),
    *number("patience"),
    *number("batch_size"),
    *number("seed", least=False),
    Row("epochs", None, TypeError, "epochs must be a positive int, got None"),
    Row("monitor", "accuracy", ValueError, "monitor must be 'loss' or 'metric', got 'accuracy'"),
    Row(
        "monitor",
        "metric",
        ValueError,
        r"monitor is 'metric', but these targets and .* have no default metric\. Fix: pass a metric",
        others={"loss": SF.mse_membrane_loss()},
    ),
    Row(
        "scheduler",
        partial(torch.optim.lr_scheduler.ReduceLROnPlateau, mode="max"),
        ValueError,
        r"scheduler has mode='max', but these targets .* have no default metric\. Fix: pass a metric",
        named="scheduler has mode='max'",
        others={"loss": SF.mse_membrane_loss()},
    ),
    Row("folder", 3, TypeError, "folder must be the path of a folder, or None to keep no checkpoint, got 3"),
    Row("optimizer", "adam", TypeError, "optimizer must be one made for the net, such as .* got 'adam'"),
    Row(
        "scheduler",
        "step",
        TypeError,
        r"scheduler must be one of torch\.optim\.lr_scheduler, or a function that makes it, got 'step'",
    ),
    Row(
        "scheduler",
        torch.optim.lr_scheduler.StepLR(other, 1),
        ValueError,
        r"scheduler is .* of another optimizer\. Fix: make it for the one that is passed",
    ),
    Row(
        "metric", "accuracy", TypeError, r"metric must be a function such as functional\.accuracy_rate, got 'accuracy'"
    ),
    Row(
        "metric",
        SF.LossFunctions,
        TypeError,
        r"metric must be a function such as functional\.accuracy_rate, got <class",
    ),
    Row("chunk", 0, ValueError, "chunk is 0|chunk=0|chunk must"),
    Row("memory", 0, ValueError, "memory"),
    Row("autocast", "float16", ValueError, r"autocast must be torch\.bfloat16, torch\.float16 or None, got 'float16'"),
    Row(
        "callbacks",
        print,
        TypeError,
        "callbacks must be a list of functions of an epoch's record, got <built-in function print>",
    ),
    Row("callbacks", [3], TypeError, r"callbacks must be a list of functions of an epoch's record, got \[3\]"),
    Row("callbacks", 3, TypeError, "callbacks must be a list of functions of an epoch's record, got 3"),
]
CASES = {"fit": Case((SF.fit,), unchanged_if_refused(SF.fit), arguments, ROWS)}
