"""The matrix products and convolutions of a training step by themselves, by PyTorch: what a step cannot do without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


@dataclass
class _Layer:
    """A layer and its inputs in the steps.

    Args:
        module: The layer.
        inputs: One for each step.
        learns: The gradient of its input is needed.
    """

    module: nn.Module
    inputs: list[Tensor] = field(default_factory=list)
    learns: bool = True


def products(net: nn.Module, xs: Tensor, run: Callable[[nn.Module, Tensor], object]) -> Callable[[], None]:
    """Return a function that computes the linear layers and convolutions of a net, forward and backward.

    Neurons, loss and optimizer are left out. Every layer computes all steps at once; in a net, the layer inside a
    recurrent neuron has to compute one step after another. The first layer computes a single step if its input is the
    same in all steps.

    Args:
        net: The net.
        xs: Its input ``[T, batch, ...]``.
        run: Runs the net over it, step by step if a layer has a hook.

    Example:
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> products(net, torch.rand(5, 4, 3), snn.unroll)()
        >>> net[0].weight.grad.shape
        torch.Size([2, 3])
    """
    layers = {module: _Layer(module) for module in net.modules() if isinstance(module, nn.Linear | nn.Conv2d)}
    hooks = [
        module.register_forward_pre_hook(lambda _, args, layer=layer: layer.inputs.append(args[0].detach()))
        for module, layer in layers.items()
    ]
    try:
        with torch.no_grad():
            run(net, xs)
    finally:
        for hook in hooks:
            hook.remove()
    first = next(iter(layers.values()))
    first.learns = False
    work = [(layer.module, _rows(layer, once=layer is first and xs.stride(0) == 0)) for layer in layers.values()]
    outputs = [(module, x, torch.ones_like(module(x))) for module, x in work]

    def compute() -> None:
        for module, x, gradient in outputs:
            module.zero_grad()
            x.grad = None
            module(x).backward(gradient)

    return compute


def _rows(layer: _Layer, once: bool) -> Tensor:
    rows = layer.inputs[0] if once else torch.cat(layer.inputs)
    return rows.requires_grad_(layer.learns)
