"""The nets of the workloads for every library that builds on ``torch.nn``; each brings its own neurons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from bench.data import Arrays
from bench.workloads import Workload


def sequential(
    workload: Workload,
    arrays: Arrays,
    neuron: Callable[[], nn.Module],
    recurrent: Callable[[nn.Linear], nn.Module],
    lift: Callable[[nn.Module], nn.Module] = lambda layer: layer,
) -> list[nn.Module]:
    """Make the layers of a workload's net, in order.

    Args:
        workload: The workload.
        arrays: Its arrays.
        neuron: Makes a layer of spiking neurons.
        recurrent: Makes a layer of spiking neurons whose spikes return through the given linear layer.
        lift: Wraps a layer without state, where the library runs whole sequences.

    Returns:
        The layers. Biases are zero, so neurons that answer a step later give the same spikes, one step later.
    """
    weights = [torch.from_numpy(arrays[name]) for name in sorted(arrays) if name.startswith("w")]
    if workload.kind == "neuron":
        return [neuron()]
    if workload.kind == "conv":
        first, second, last = weights
        layers: list[nn.Module] = []
        for weight in (first, second):
            layers += [lift(nn.Sequential(_conv(weight), nn.MaxPool2d(2))), neuron()]
        return [*layers, lift(nn.Sequential(nn.Flatten(), _linear(last))), neuron()]
    if workload.kind == "recurrent":
        first, feedback, last = weights
        return [lift(_linear(first)), recurrent(_linear(feedback)), lift(_linear(last)), neuron()]
    return [layer for weight in weights for layer in (lift(_linear(weight)), neuron())]


def familiar(
    library: Any, workload: Workload, arrays: Arrays, own: Mapping[str, Callable[[], nn.Module]] | None = None
) -> nn.Sequential:
    """Make the net of a library with the neurons of snnTorch under the same names, and ``own`` ones by kind."""
    beta = workload.beta
    learned = [torch.from_numpy(arrays[name]) for name in ("beta", "threshold") if name in arrays]
    kinds: dict[str, Callable[[], nn.Module]] = {
        **(own or {}),
        "leaky": lambda: library.Leaky(beta=beta, init_hidden=True),
        "synaptic": lambda: library.Synaptic(alpha=0.8, beta=beta, init_hidden=True),
        "alpha": lambda: library.Alpha(alpha=0.9, beta=0.8, init_hidden=True),
        "learnable": lambda: library.Leaky(*learned, init_hidden=True, learn_beta=True, learn_threshold=True),
    }

    def recurrent(feedback: nn.Linear) -> nn.Module:
        layer = library.RLeaky(beta=beta, linear_features=feedback.out_features, init_hidden=True)
        layer.recurrent.load_state_dict(feedback.state_dict())
        return layer

    return nn.Sequential(*sequential(workload, arrays, kinds[workload.neuron], recurrent))


def cell(arrays: Arrays) -> nn.LSTMCell:
    """Make the long short-term memory cell of a workload."""
    to_gates, back = (torch.from_numpy(arrays[name]) for name in ("w0", "w1"))
    layer = nn.LSTMCell(to_gates.shape[1], back.shape[1])
    with torch.no_grad():
        for parameter, value in zip((layer.weight_ih, layer.weight_hh), (to_gates, back), strict=True):
            parameter.copy_(value)
        for bias in (layer.bias_ih, layer.bias_hh):
            bias.zero_()
    return layer


def _linear(weight: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    return _filled(layer, weight)


def _conv(weight: Tensor) -> nn.Conv2d:
    return _filled(nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2]), weight)


def _filled(layer, weight: Tensor):
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.zero_()
    return layer
