"""The memory of tensors during a run, as ``torch.profiler`` records it."""

from __future__ import annotations

import gc
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

import snn_core as snn
from bench.memory import tensors_at_peak


def loss_of(out: Any) -> Tensor:
    """The sum of all outputs."""
    return torch.stack([o.sum() for o in tree_flatten(out)[0]]).sum()


def measured(net: nn.Module, xs: Tensor, **options: Any) -> int:
    """The most bytes that tensors take in forward and backward pass, above what was there before."""

    def run() -> None:
        out = snn.unroll(net, xs, **options)
        loss_of(out).backward()

    at_rest(net, xs)
    gc.collect()  # what is freed during the run would count
    # a list of every operation takes longer than all else and is not looked at
    with mock.patch.object(torch.autograd.profiler.profile, "_parse_kineto_results", return_value=[]):
        megabytes = tensors_at_peak(run)
    at_rest(net, xs)
    return round(megabytes * 2**20)


def at_rest(net: nn.Module, xs: Tensor) -> None:
    """Nothing left of a training step: neither states nor gradients."""
    snn.utils.reset(net)
    net.zero_grad(set_to_none=True)
    xs.grad = None
