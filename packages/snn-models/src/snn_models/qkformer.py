"""QKFormer: a hierarchy of images of tokens, with Q-K attention in the first two stages."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from snn_models.attention import QKAttention, SpikingSelfAttention
from snn_models.choice import must_be_counts, must_be_divisible
from snn_models.convolution import classifier, normed
from snn_models.neuron import Neuron, fresh, leaky
from snn_models.tokens import SpikingTransformerBlock


class SpikingPatchEmbedding(nn.Module):
    """Patch embedding with a deformed shortcut (SPEDS): two convolutions with spikes, and one past the last of them.

    Args:
        channels: Channels of the input.
        out_channels: Channels of the output.
        first: True for images: a convolution with spikes makes half of ``out_channels`` of them, which one convolution
            and the shortcut double. False for spikes: two convolutions and the shortcut halve height and width.
        neuron: A function that returns a new neuron, with ``init_hidden=True``; :func:`~snn_models.leaky` by default.

    Shape:
        input ``[batch, channels, H, W]``, output ``[batch, out_channels, H, W]`` or, unless ``first``, ``[batch,
        out_channels, H / 2, W / 2]``, rounded up.

    Raises:
        TypeError: If ``neuron`` does not return a spiking neuron.
        ValueError: If a number is not a whole number of at least 1, or ``out_channels`` is odd with ``first``.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> snn.unroll(SpikingPatchEmbedding(4, 8), torch.ones(5, 2, 4, 6, 6)).shape
        torch.Size([5, 2, 8, 3, 3])

    Source: Zhou et al., QKFormer: Hierarchical Spiking Transformer using Q-K Attention (2024), "SPEDS".
    """

    before: nn.Module
    main: nn.Module
    shortcut: nn.Module

    def __init__(self, channels: int, out_channels: int, *, first: bool = False, neuron: Neuron = leaky) -> None:
        super().__init__()
        owner = "SpikingPatchEmbedding"
        must_be_counts(owner, channels=channels, out_channels=out_channels)

        def spiking(inputs: int, out: int, size: int, stride: int = 1, *before: nn.Module) -> nn.Sequential:
            return nn.Sequential(*normed(inputs, out, size, stride), *before, fresh(owner, neuron))

        if first:
            must_be_divisible(owner, "out_channels", out_channels, by=2)
            self.before = spiking(channels, out_channels // 2, 3)
            self.main = spiking(out_channels // 2, out_channels, 3)
            self.shortcut = spiking(out_channels // 2, out_channels, 1)
        else:
            self.before = nn.Identity()
            self.main = nn.Sequential(
                spiking(channels, out_channels, 3), spiking(out_channels, out_channels, 3, 1, nn.MaxPool2d(3, 2, 1))
            )
            self.shortcut = spiking(channels, out_channels, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return the spikes of one step."""
        x = self.before(x)
        return self.main(x) + self.shortcut(x)


class _OverPixels(nn.Module):
    """Blocks that take the pixels of an image as tokens, and give an image back."""

    def __init__(self, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.blocks(x.flatten(2).transpose(-1, -2))
        return tokens.transpose(-1, -2).unflatten(-1, x.shape[2:])


def qkformer(
    depth: int | Sequence[int] = 4,
    dim: int = 384,
    num_classes: int = 10,
    *,
    heads: int = 8,
    in_channels: int = 3,
    mlp_ratio: int = 4,
    scale: float = 0.125,
    neuron: Neuron = leaky,
) -> nn.Sequential:
    """Make a QKFormer for small images, such as those of CIFAR.

    Three stages have a quarter, a half and all of the features, and each has half the height and width of the one
    before. Blocks of the first two have Q-K attention over tokens, those of the last have spiking self-attention.

    Args:
        depth: Number of blocks, 3 or more: one in each of the first two stages and the others in the last; or the
            numbers of the three stages.
        dim: Features of a token in the last stage, a multiple of 8 and of four times ``heads``.
        num_classes: Number of outputs.
        heads: Number of heads of each attention.
        in_channels: Channels of the images.
        mlp_ratio: How many times the features of a stage the hidden layers of its blocks have.
        scale: Factor of the self-attention; see :class:`~snn_models.SpikingSelfAttention`.
        neuron: A function that returns a new neuron, with ``init_hidden=True``; :func:`~snn_models.leaky` by default.

    Returns:
        A net that takes images ``[batch, in_channels, H, W]`` and returns ``[batch, num_classes]`` in each step; their
        mean over the steps is the prediction.

    Raises:
        TypeError: If ``neuron`` does not return a spiking neuron.
        ValueError: If ``depth`` is not as described, ``dim`` is not such a multiple, or a number is not a whole number
            of at least 1.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> net = qkformer(depth=3, dim=32, heads=2)
        >>> images = torch.rand(2, 3, 32, 32)
        >>> snn.unroll(net, images.expand(4, *images.shape)).mean(0).shape
        torch.Size([2, 10])

    Source: Zhou et al., QKFormer: Hierarchical Spiking Transformer using Q-K Attention (2024), tables of CIFAR.
    """
    must_be_counts("qkformer", dim=dim, num_classes=num_classes, heads=heads)
    must_be_divisible("qkformer", "dim", dim, by=8)
    must_be_divisible("qkformer", "dim", dim, by=4 * heads)
    depths = (1, 1, depth - 2) if isinstance(depth, int) else tuple(depth)
    if len(depths) != 3 or min(depths) < 1:
        raise ValueError(f"qkformer: depth must be a number of at least 3, or three of at least 1, got {depth!r}")
    layers: list[nn.Module] = []
    channels = in_channels
    for stage, (size, count) in enumerate(zip((dim // 4, dim // 2, dim), depths, strict=True)):
        layers.append(SpikingPatchEmbedding(channels, size, first=stage == 0, neuron=neuron))
        blocks = []
        for _ in range(count):
            attention = (
                SpikingSelfAttention(size, heads, scale=scale, bias=False, neuron=neuron)
                if stage == 2
                else QKAttention(size, heads, neuron=neuron)
            )
            blocks.append(SpikingTransformerBlock(attention, size, mlp_ratio, neuron=neuron))
        layers.append(_OverPixels(blocks))
        channels = size
    return nn.Sequential(*layers, *classifier(dim, num_classes))
