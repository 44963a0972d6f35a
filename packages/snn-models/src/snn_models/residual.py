"""Residual networks: spikes that are added to spikes (SEW), and membranes to membranes (MS)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from snn_models.choice import chosen, must_be_counts
from snn_models.convolution import classifier, normed
from snn_models.neuron import Neuron, fresh, leaky

_CONNECT: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "ADD": lambda residual, shortcut: residual + shortcut,
    "AND": lambda residual, shortcut: residual * shortcut,
    "IAND": lambda residual, shortcut: (1 - residual) * shortcut,
}
_BLOCKS = {8: (1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
"""The number of blocks in each stage."""
_STEMS = {"cifar": (3, 1), "imagenet": (7, 2)}
"""The size and the stride of the first convolution."""


class SEWBlock(nn.Module):
    r"""Spike-element-wise residual block: two convolutions, whose spikes are connected with those of the input.

    .. math:: O[t] = g(A[t], S[t]), \qquad A[t] = \mathrm{SN}(\mathrm{BN}(W_2\,\mathrm{SN}(\mathrm{BN}(W_1 S[t]))))

    ``"ADD"`` is :math:`A + S`, ``"AND"`` is :math:`A\,S`, and ``"IAND"`` is :math:`(1 - A)\,S`. If the block changes
    the size of its input, a convolution of 1 by 1 with batch norm and neurons does so on the shortcut too.

    Args:
        channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Stride of the first convolution and of the shortcut.
        connect: How spikes are connected, ``"ADD"``, ``"AND"`` or ``"IAND"``.
        neuron: A function that returns a new neuron, with ``init_hidden=True``; :func:`~snn_models.leaky` by default.

    Shape:
        input ``[batch, channels, H, W]``, output ``[batch, out_channels, H / stride, W / stride]``, rounded up.

    Raises:
        TypeError: If ``neuron`` does not return a spiking neuron.
        ValueError: If ``connect`` is not one of the three, or a number is not a whole number of at least 1.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> snn.unroll(SEWBlock(4, 8, stride=2), torch.ones(5, 2, 4, 6, 6)).shape
        torch.Size([5, 2, 8, 3, 3])

    Source: Fang et al., Deep Residual Learning in Spiking Neural Networks (2021), "Spike-element-wise ResNet".
    """

    def __init__(
        self, channels: int, out_channels: int, stride: int = 1, *, connect: str = "ADD", neuron: Neuron = leaky
    ) -> None:
        super().__init__()
        must_be_counts("SEWBlock", channels=channels, out_channels=out_channels, stride=stride)
        chosen("SEWBlock: connect", connect, _CONNECT)
        self.connect = connect
        self.residual: nn.Module = nn.Sequential(
            *normed(channels, out_channels, 3, stride),
            fresh("SEWBlock", neuron),
            *normed(out_channels, out_channels, 3),
            fresh("SEWBlock", neuron),
        )
        same = (channels, 1) == (out_channels, stride)
        self.shortcut: nn.Module = nn.Identity()
        if not same:
            self.shortcut = nn.Sequential(*normed(channels, out_channels, 1, stride), fresh("SEWBlock", neuron))

    def forward(self, x: Tensor) -> Tensor:
        """Return the connected spikes of one step."""
        return _CONNECT[self.connect](self.residual(x), self.shortcut(x))

    def extra_repr(self) -> str:
        return f"connect={self.connect!r}"


class MSBlock(nn.Module):
    r"""Membrane-shortcut residual block: what two convolutions of spikes give is added to the input of the neurons.

    .. math:: Y[t] = X[t] + \mathrm{BN}(W_2\,\mathrm{SN}(\mathrm{BN}(W_1\,\mathrm{SN}(X[t]))))

    Neurons come first, and nothing spikes on the way past them. If the block changes the size of its input, a
    convolution of 1 by 1 with batch norm does so on the shortcut too.

    Args:
        channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Stride of the first convolution and of the shortcut.
        neuron: A function that returns a new neuron, with ``init_hidden=True``; :func:`~snn_models.leaky` by default.

    Shape:
        input ``[batch, channels, H, W]``, output ``[batch, out_channels, H / stride, W / stride]``, rounded up.

    Raises:
        TypeError: If ``neuron`` does not return a spiking neuron.
        ValueError: If a number is not a whole number of at least 1.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> snn.unroll(MSBlock(4, 8, stride=2), torch.ones(5, 2, 4, 6, 6)).shape
        torch.Size([5, 2, 8, 3, 3])

    Source: Hu et al., Advancing Spiking Neural Networks toward Deep Residual Learning (2024), "MS-ResNet".
    """

    def __init__(self, channels: int, out_channels: int, stride: int = 1, *, neuron: Neuron = leaky) -> None:
        super().__init__()
        must_be_counts("MSBlock", channels=channels, out_channels=out_channels, stride=stride)
        self.residual: nn.Module = nn.Sequential(
            fresh("MSBlock", neuron),
            *normed(channels, out_channels, 3, stride),
            fresh("MSBlock", neuron),
            *normed(out_channels, out_channels, 3),
        )
        same = (channels, 1) == (out_channels, stride)
        self.shortcut: nn.Module = nn.Identity() if same else nn.Sequential(*normed(channels, out_channels, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of input and residual of one step."""
        return self.residual(x) + self.shortcut(x)


def sew_resnet(
    depth: int,
    num_classes: int = 10,
    *,
    in_channels: int = 3,
    width: int | None = None,
    stem: str = "cifar",
    connect: str = "ADD",
    neuron: Neuron = leaky,
) -> nn.Sequential:
    """Make a spike-element-wise residual network of :class:`~snn_models.SEWBlock`.

    Depths 18 and 34 have four stages with the blocks of the ordinary ResNet, of 64 to 512 channels. Depth 8 is the
    smallest of the ordinary networks for CIFAR: three stages of one block, of 16, 32 and 64 channels.

    Args:
        depth: Number of layers with weights, shortcuts aside: 8, 18 or 34.
        num_classes: Number of outputs.
        in_channels: Channels of the images.
        width: Channels of the first stage, doubled by every later one; those above when None.
        stem: What comes before the first block. ``"cifar"``, for images of about 32 by 32 pixels, is a convolution of
            3 by 3; ``"imagenet"`` is one of 7 by 7 with stride 2, whose spikes are pooled.
        connect: How blocks connect spikes, ``"ADD"``, ``"AND"`` or ``"IAND"``.
        neuron: A function that returns a new neuron, with ``init_hidden=True``; :func:`~snn_models.leaky` by default.

    Returns:
        A net that takes images ``[batch, in_channels, H, W]`` and returns ``[batch, num_classes]`` in each step; their
        mean over the steps is the prediction.

    Raises:
        TypeError: If ``neuron`` does not return a spiking neuron.
        ValueError: If ``depth``, ``stem`` or ``connect`` is not offered, or a number is not a whole number of at least
            1.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> images = torch.rand(2, 3, 32, 32)
        >>> snn.unroll(sew_resnet(8), images.expand(4, *images.shape)).mean(0).shape
        torch.Size([2, 10])

    Source: Fang et al., Deep Residual Learning in Spiking Neural Networks (2021); depth 8: He et al., Deep
        Residual Learning for Image Recognition (2016), section 4.2, with n = 1.
    """
    sizes = _sizes("sew_resnet", depth, num_classes, in_channels, width, stem)
    first = [*normed(in_channels, sizes[0], *_STEMS[stem]), fresh("sew_resnet", neuron)]
    if stem == "imagenet":
        first.append(nn.MaxPool2d(3, 2, 1))
    blocks = _stages(partial(SEWBlock, connect=connect, neuron=neuron), depth, sizes)
    return nn.Sequential(*first, *blocks, *classifier(sizes[-1], num_classes))


def ms_resnet(
    depth: int,
    num_classes: int = 10,
    *,
    in_channels: int = 3,
    width: int | None = None,
    stem: str = "cifar",
    neuron: Neuron = leaky,
) -> nn.Sequential:
    """Make a residual network whose shortcuts carry membranes, of :class:`~snn_models.MSBlock`.

    Its stages are those of :func:`~snn_models.sew_resnet`.

    Args:
        depth: Number of layers with weights, shortcuts aside: 8, 18 or 34.
        num_classes: Number of outputs.
        in_channels: Channels of the images.
        width: Channels of the first stage, doubled by every later one; those of the paper when None.
        stem: What comes before the first block. ``"cifar"``, for images of about 32 by 32 pixels, is a convolution of
            3 by 3; ``"imagenet"`` is one of 7 by 7 with stride 2, and the first block has stride 2 too.
        neuron: A function that returns a new neuron, with ``init_hidden=True``; :func:`~snn_models.leaky` by default.

    Returns:
        A net that takes images ``[batch, in_channels, H, W]`` and returns ``[batch, num_classes]`` in each step; their
        mean over the steps is the prediction.

    Raises:
        TypeError: If ``neuron`` does not return a spiking neuron.
        ValueError: If ``depth`` or ``stem`` is not offered, or a number is not a whole number of at least 1.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> images = torch.rand(2, 3, 32, 32)
        >>> snn.unroll(ms_resnet(8), images.expand(4, *images.shape)).mean(0).shape
        torch.Size([2, 10])

    Source: Hu et al., Advancing Spiking Neural Networks toward Deep Residual Learning (2024), "MS-ResNet".
    """
    sizes = _sizes("ms_resnet", depth, num_classes, in_channels, width, stem)
    blocks = _stages(partial(MSBlock, neuron=neuron), depth, sizes, first=2 if stem == "imagenet" else 1)
    first, last = normed(in_channels, sizes[0], *_STEMS[stem]), fresh("ms_resnet", neuron)
    return nn.Sequential(*first, *blocks, last, *classifier(sizes[-1], num_classes))


def _sizes(owner: str, depth: int, num_classes: int, in_channels: int, width: int | None, stem: str) -> tuple[int, ...]:
    """Check the arguments of a network, and return the channels of its stages."""
    first = (16 if depth == 8 else 64) if width is None else width
    must_be_counts(owner, num_classes=num_classes, in_channels=in_channels, width=first)
    chosen(f"{owner}: stem", stem, _STEMS)
    return tuple(first * 2**stage for stage in range(len(chosen(f"{owner}: depth", depth, _BLOCKS))))


def _stages(
    block: Callable[[int, int, int], nn.Module], depth: int, sizes: tuple[int, ...], first: int = 1
) -> list[nn.Module]:
    """Return all blocks; the first block of each stage but the first one halves the image."""
    outputs = [size for size, count in zip(sizes, _BLOCKS[depth], strict=True) for _ in range(count)]
    changes = itertools.pairwise([sizes[0], *outputs])
    return [block(a, b, first if index == 0 else 1 + (a != b)) for index, (a, b) in enumerate(changes)]
