"""snnTorch: a loop over the steps, as its tutorials write it."""

from __future__ import annotations

import snntorch
import torch
from snntorch import utils
from torch import Tensor

from bench.data import Arrays
from bench.peers.sequential import familiar
from bench.peers.trial import TorchTrial
from bench.workloads import Workload


def make(workload: Workload, arrays: Arrays) -> TorchTrial:
    """Make the workload as a loop over its steps."""
    net = familiar(snntorch, workload, arrays)

    def run(xs: Tensor) -> Tensor:
        utils.reset(net)
        return torch.stack([net(x) for x in xs.unbind(0)])

    return TorchTrial(workload, arrays, run, net)
