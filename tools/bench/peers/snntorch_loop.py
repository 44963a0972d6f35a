"""snnTorch: a loop over the steps, as its tutorials write it."""

from __future__ import annotations

import snntorch
import torch
from snntorch import utils
from torch import Tensor, nn

from bench.data import Arrays
from bench.peers.sequential import sequential
from bench.peers.trial import TorchTrial
from bench.workloads import Workload

__all__ = ["make"]


def make(workload: Workload, made: Arrays) -> TorchTrial:
    """The workload as a loop over its steps.

    Args:
        workload: The workload.
        made: Its arrays.

    Returns:
        The trial.
    """

    def neuron() -> nn.Module:
        if workload.neuron == "synaptic":
            return snntorch.Synaptic(alpha=0.8, beta=workload.beta, init_hidden=True)
        if workload.neuron == "alpha":
            return snntorch.Alpha(alpha=0.9, beta=0.8, init_hidden=True)
        if workload.neuron == "learnable":
            beta, threshold = torch.from_numpy(made["beta"]), torch.from_numpy(made["threshold"])
            return snntorch.Leaky(beta, threshold, init_hidden=True, learn_beta=True, learn_threshold=True)
        return snntorch.Leaky(beta=workload.beta, init_hidden=True)

    def recurrent(feedback: nn.Linear) -> nn.Module:
        layer = snntorch.RLeaky(beta=workload.beta, linear_features=feedback.out_features, init_hidden=True)
        layer.recurrent.load_state_dict(feedback.state_dict())
        return layer

    net = nn.Sequential(*sequential(workload, made, neuron, recurrent))

    def run(xs: Tensor) -> Tensor:
        utils.reset(net)
        return torch.stack([net(x) for x in xs.unbind(0)])

    return TorchTrial(workload, made, run, net)
