"""VGG networks: convolutions in a row."""

from __future__ import annotations

from torch import nn

from snn_models.choice import chosen, must_be_counts
from snn_models.convolution import classifier, normed
from snn_models.neuron import Neuron, fresh, leaky

_CONVOLUTIONS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3)}
"""The number of convolutions in each of five stages."""


def vgg(
    depth: int,
    num_classes: int = 10,
    *,
    in_channels: int = 3,
    width: int = 64,
    dropout: float = 0.0,
    neuron: Neuron = leaky,
) -> nn.Sequential:
    """Make a spiking VGG network: convolutions of 3 by 3 with batch norm and neurons, in five stages.

    The spikes of each stage are pooled, the largest of 2 by 2, so that an image needs at least 32 by 32 pixels. Those
    of the last stage are averaged over the image before the only dense layer, as is usual for CIFAR.

    Args:
        depth: Configuration of the ordinary network by its number of layers: 11, 13 or 16.
        num_classes: Number of outputs.
        in_channels: Channels of the images.
        width: Channels of the first stage, doubled by every later one up to eight times as many.
        dropout: Probability with which a channel's mean is dropped before the dense layer.
        neuron: A function that returns a new neuron, with ``init_hidden=True``; :func:`~snn_models.leaky` by default.

    Returns:
        A net that takes images ``[batch, in_channels, H, W]`` and returns ``[batch, num_classes]`` in each step; their
        mean over the steps is the prediction.

    Raises:
        TypeError: If ``neuron`` does not return a spiking neuron.
        ValueError: If ``depth`` is not offered, a number is not a whole number of at least 1, or ``dropout`` is not a
            probability.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> images = torch.rand(2, 3, 32, 32)
        >>> snn.unroll(vgg(11, width=8), images.expand(4, *images.shape)).mean(0).shape
        torch.Size([2, 10])

    Source: Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition (2015), table 1,
        columns A, B and D; Sengupta et al., Going Deeper in Spiking Neural Networks: VGG and Residual Architectures
        (2019).
    """
    must_be_counts("vgg", num_classes=num_classes, in_channels=in_channels, width=width)
    layers: list[nn.Module] = []
    channels = in_channels
    for stage, count in enumerate(chosen("vgg: depth", depth, _CONVOLUTIONS)):
        out = width * min(2**stage, 8)
        for _ in range(count):
            layers += [*normed(channels, out), fresh("vgg", neuron)]
            channels = out
        layers.append(nn.MaxPool2d(2))
    mean, flat, dense = classifier(channels, num_classes)
    return nn.Sequential(*layers, mean, flat, nn.Dropout(dropout), dense)
