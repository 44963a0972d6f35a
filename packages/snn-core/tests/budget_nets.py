"""Small nets of every kind whose memory is planned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import snn_core as snn

OPTIONS = {"beta": 0.9, "init_hidden": True}


def leaky() -> snn.Leaky:
    return snn.Leaky(**OPTIONS)


def dense(width: int, neuron: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), neuron, nn.Linear(width, 3), leaky())


def deep(width: int) -> nn.Sequential:
    return nn.Sequential(*(layer for _ in range(5) for layer in (nn.Linear(width, width), leaky())))


def convolutional(width: int) -> nn.Sequential:
    first = nn.Conv2d(1, 4, 3), leaky(), nn.MaxPool2d(2)
    return nn.Sequential(*first, nn.Conv2d(4, 6, 3), leaky(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(24, 3), leaky())


def dropping(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), leaky(), nn.Dropout(0.3), nn.Linear(width, 3), leaky())


NETS: dict[str, tuple[Callable[[int], nn.Sequential], tuple[int, ...]]] = {
    "Leaky": (lambda w: dense(w, leaky()), (-1,)),
    "Synaptic": (lambda w: dense(w, snn.Synaptic(alpha=0.8, **OPTIONS)), (-1,)),
    "RLeaky": (lambda w: dense(w, snn.RLeaky(linear_features=w, **OPTIONS)), (-1,)),
    "SLSTM": (lambda w: dense(w, snn.SLSTM(w, w, init_hidden=True)), (-1,)),
    "deep": (deep, (-1,)),
    "convolutional": (convolutional, (1, 14, 14)),
    "step by step": (dropping, (-1,)),
}


def example(name: str, steps: int, batch: int, width: int, dtype: torch.dtype = torch.float32) -> tuple[Any, Tensor]:
    make, shape = NETS[name]
    return make(width).to(dtype), torch.rand(steps, batch, *(width if n < 0 else n for n in shape), dtype=dtype)
