"""The matrix products and convolutions of a training step by themselves, by PyTorch: what a step cannot do without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


@dataclass
class _Layer:
    """A layer and its inputs in the steps."""

    module: nn.Module  # the layer
    inputs: list[Tensor] = field(default_factory=list)  # one for each step, or one for all
    learns: bool = True  # true if the gradient of its input is needed


def products(
    net: nn.Module, xs: Tensor, run: Callable[[nn.Module, Tensor], object], at_once: bool = True
) -> Callable[[], None]:
    """Return a function that computes the linear layers and convolutions of a net, forward and backward.

    Neurons, loss and optimizer are left out. The first layer computes a single step if its input is the same in all
    steps.

    Args:
        net: The net.
        xs: Its input ``[T, batch, ...]``.
        run: Runs the net over it, step by step if a layer has a hook.
        at_once: Every layer computes all its steps at once, even the one inside a recurrent neuron, which cannot do
            so in a net; otherwise one step after another.

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
    if xs.stride(0) == 0:
        del first.inputs[1:]
    for layer in layers.values():
        inputs = [torch.cat(layer.inputs)] if at_once else layer.inputs
        layer.inputs = [x.requires_grad_(layer.learns) for x in inputs]
    gradients = {layer.module: [torch.ones_like(layer.module(x)) for x in layer.inputs] for layer in layers.values()}

    def compute() -> None:
        for layer in layers.values():
            layer.module.zero_grad()
            for x, gradient in zip(layer.inputs, gradients[layer.module], strict=True):
                x.grad = None
                layer.module(x).backward(gradient)

    return compute
