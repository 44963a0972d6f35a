"""Ours: a net written for one step, run by ``unroll``."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import nn

import snn_core as snn
from bench.data import Arrays
from bench.peers.own_neurons import Adaptive, Exponential
from bench.peers.sequential import cell, sequential
from bench.peers.trial import TorchTrial
from bench.workloads import Workload

__all__ = ["make"]


def make(workload: Workload, made: Arrays, tune: bool = False, **options: Any) -> TorchTrial:
    """The workload through ``unroll``.

    Args:
        workload: The workload.
        made: Its arrays.
        tune: Have the process keep freed memory, ``snn_cpu.tune_allocator()``.
        options: Arguments for ``unroll``.

    Returns:
        The trial.
    """
    if tune:
        import snn_cpu

        snn_cpu.tune_allocator()

    def neuron() -> nn.Module:
        if workload.neuron == "synaptic":
            return snn.Synaptic(alpha=0.8, beta=workload.beta, init_hidden=True)
        if workload.neuron == "alpha":
            return snn.Alpha(alpha=0.9, beta=0.8, init_hidden=True)
        if workload.neuron == "learnable":
            beta, threshold = torch.from_numpy(made["beta"]), torch.from_numpy(made["threshold"])
            return snn.Leaky(beta, threshold, init_hidden=True, learn_beta=True, learn_threshold=True)
        if workload.neuron == "delta":
            return snn.DeltaLeaky(0.3, beta=workload.beta, init_hidden=True)
        if workload.neuron == "slstm":
            layer = snn.SLSTM(workload.shape[0], workload.out, threshold=0.1, init_hidden=True)
            layer.lstm_cell = cell(made)
            return layer
        if workload.neuron in ("own", "exponential"):
            kind = Adaptive if workload.neuron == "own" else Exponential
            return kind(workload.beta, init_hidden=True)
        return snn.Leaky(beta=workload.beta, init_hidden=True)

    def recurrent(feedback: nn.Linear) -> nn.Module:
        layer = snn.RLeaky(beta=workload.beta, linear_features=feedback.out_features, init_hidden=True)
        layer.recurrent.load_state_dict(feedback.state_dict())
        return layer

    net = nn.Sequential(*sequential(workload, made, neuron, recurrent))
    return TorchTrial(workload, made, functools.partial(snn.unroll, net, **options), net)
