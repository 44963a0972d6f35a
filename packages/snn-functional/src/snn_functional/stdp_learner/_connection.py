"""A weighted layer as a set of synapses, and the spikes that meet at each weight."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.grad import conv1d_weight, conv2d_weight

from snn_functional._messages import must
from snn_functional._padding import padded


class Dense(NamedTuple):
    """Synapses of ``nn.Linear``: every input with every output, ``[..., features]``."""

    layer: Any
    weight: Tensor

    def pre(self, in_spike: Any) -> Tensor:
        """Return checked input spikes as the synapses see them, including padding."""
        pre = _spikes("in_spike", in_spike, self.weight)
        if not pre.dim() or pre.shape[-1] != self.weight.shape[1]:
            raise ValueError(
                must("in_spike", f"have shape [batch, {self.weight.shape[1]}] for {self.layer}", tuple(pre.shape))
            )
        return pre

    def post(self, out_spike: Any, pre: Tensor) -> Tensor:
        """Return checked output spikes that belong to ``pre``."""
        return _of_shape(_spikes("out_spike", out_spike, self.weight), (*pre.shape[:-1], self.weight.shape[0]))

    def correlation(self, pre: Tensor, post: Tensor) -> Tensor:
        """Return the sum of the products of ``pre`` and ``post`` that meet at each weight, with the weight's shape."""
        return post.reshape(-1, post.shape[-1]).T @ pre.reshape(-1, pre.shape[-1])

    def correlations(self, pre: Tensor, post: Tensor) -> Tensor:
        """Return the same for each sample separately, ``[batch, *weight.shape]``."""
        return post.unsqueeze(-1) * pre.unsqueeze(-2)


class Convolution(NamedTuple):
    """Synapses of ``nn.Conv1d`` and ``nn.Conv2d``: all positions of the kernel share a weight.

    The sum over positions is the gradient that the weights of the convolution would have if ``post`` were the gradient
    of its output.
    """

    layer: Any
    weight: Tensor

    def pre(self, in_spike: Any) -> Tensor:
        """Return input spikes ``[batch, channels, *space]``, padded as in the layer."""
        pre = _spikes("in_spike", in_spike, self.weight)
        if pre.dim() != self.weight.dim() or pre.shape[1] != self.layer.in_channels:
            space = "length" if self.weight.dim() == 3 else "height, width"
            raise ValueError(
                must(
                    "in_spike",
                    f"have shape [batch, {self.layer.in_channels}, {space}] for {self.layer}",
                    tuple(pre.shape),
                )
            )
        return padded(self.layer, pre)

    def post(self, out_spike: Any, pre: Tensor) -> Tensor:
        """Return output spikes ``[batch, channels, *space]``."""
        sizes = zip(pre.shape[2:], self.weight.shape[2:], self.layer.dilation, self.layer.stride, strict=True)
        space = ((size - dilation * (kernel - 1) - 1) // stride + 1 for size, kernel, dilation, stride in sizes)
        return _of_shape(_spikes("out_spike", out_spike, self.weight), (len(pre), self.layer.out_channels, *space))

    def correlation(self, pre: Tensor, post: Tensor) -> Tensor:
        """Return the sum over samples and positions."""
        gradient = conv1d_weight if self.weight.dim() == 3 else conv2d_weight
        layer, shape = self.layer, list(self.weight.shape)
        return gradient(pre, shape, post, layer.stride, 0, layer.dilation, layer.groups)

    def correlations(self, pre: Tensor, post: Tensor) -> Tensor:
        """Return the sum over positions."""
        samples = zip(pre.split(1), post.split(1), strict=True) if len(pre) else ()
        none = pre.new_zeros(0, *self.weight.shape)
        return torch.cat([none, *(self.correlation(*sample).unsqueeze(0) for sample in samples)])


Connection = Dense | Convolution
_KINDS: dict[type[nn.Module], type[Connection]] = {nn.Linear: Dense, nn.Conv1d: Convolution, nn.Conv2d: Convolution}


def connection(layer: Any, name: str, *kinds: type[nn.Module]) -> Connection:
    """Return the synapses of a layer of one of the classes, by default of any known class."""
    for kind in kinds or tuple(_KINDS):
        if isinstance(layer, kind):
            weight: Any = layer.weight
            return _KINDS[kind](layer, weight.detach())
    expected = " or ".join(f"nn.{kind.__name__}" for kind in kinds or _KINDS)
    raise TypeError(must(name, f"be an {expected}", type(layer).__name__))


def _spikes(name: str, spikes: Any, weight: Tensor) -> Tensor:
    if not isinstance(spikes, Tensor):
        raise TypeError(must(name, "be a torch.Tensor of spikes", type(spikes).__name__))
    if spikes.is_complex():
        raise TypeError(must(name, "be real numbers", f"dtype {spikes.dtype}"))
    if spikes.device != weight.device:
        raise ValueError(
            must(name, f"be on {weight.device} like the weights", spikes.device, "move one to the other's device")
        )
    return spikes.to(weight.dtype)


def _of_shape(spikes: Tensor, shape: tuple[int, ...]) -> Tensor:
    if spikes.shape != shape:
        raise ValueError(
            must("out_spike", f"have the shape {shape} that the layer gives for this in_spike", tuple(spikes.shape))
        )
    return spikes
