"""Ours: a net written for one step, run by ``unroll``."""

from __future__ import annotations

import functools
from typing import Any

from torch import nn

import snn_core as snn
from bench.data import Arrays
from bench.peers.own_neurons import Adaptive, Exponential
from bench.peers.sequential import cell, familiar
from bench.peers.trial import TorchTrial
from bench.workloads import Workload


def make(workload: Workload, arrays: Arrays, tune: bool = False, **options: Any) -> TorchTrial:
    """Make the workload for ``unroll`` with options; to tune, make the process keep freed memory."""
    if tune:
        import snn_cpu

        snn_cpu.tune_allocator()

    def slstm() -> nn.Module:
        layer = snn.SLSTM(workload.shape[0], workload.out, threshold=0.1, init_hidden=True)
        layer.lstm_cell = cell(arrays)
        return layer

    own = {
        "delta": lambda: snn.DeltaLeaky(0.3, beta=workload.beta, init_hidden=True),
        "slstm": slstm,
        "own": lambda: Adaptive(workload.beta, init_hidden=True),
        "exponential": lambda: Exponential(workload.beta, init_hidden=True),
    }
    net = familiar(snn, workload, arrays, own)
    return TorchTrial(workload, arrays, functools.partial(snn.unroll, net, **options), net)
