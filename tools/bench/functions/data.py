"""Splits of data sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from bench.functions.case import Call, Case, Draw

_SAMPLES, _PIXELS = 60_000, 28  # as many and as large as those of MNIST
_GIVEN = f"{_SAMPLES} images of {_PIXELS} x {_PIXELS} bytes"


class _DataSet:
    """A data set with the fields that a split reads."""

    def __init__(self, data: Tensor, targets: Tensor) -> None:
        self.data, self.targets = data, targets

    def __len__(self) -> int:
        return len(self.data)


def _on_new_sets(split: Callable[[Any, Callable[[], _DataSet]], Any]) -> Callable[[Any, Draw], Call]:
    def make(library: Any, draw: Draw) -> Call:
        data, targets = draw.images(_SAMPLES, _PIXELS), draw.labels(_SAMPLES, 10)
        return Call(lambda: split(library.utils, lambda: _DataSet(data, targets)))

    return make


def _subset(utils: Any, fresh: Callable[[], _DataSet]) -> Tensor:
    return utils.data_subset(fresh(), 10, 3).data


def _parts(utils: Any, fresh: Callable[[], _DataSet]) -> tuple[Tensor, Tensor]:
    train, val = utils.valid_split(fresh(), fresh(), 0.1)
    return train.data, val.data


CASES = [
    Case("data_subset", "data sets", f"{_GIVEN}, a tenth of them", _on_new_sets(_subset), 20.0),
    Case("valid_split", "data sets", f"{_GIVEN}, a tenth for validation", _on_new_sets(_parts), 20.0),
]
