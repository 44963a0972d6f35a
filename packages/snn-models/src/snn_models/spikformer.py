"""Spikformer: spiking self-attention between the patches of an image."""

from __future__ import annotations

from torch import Tensor, nn

from snn_models.attention import SpikingSelfAttention
from snn_models.choice import must_be_counts, must_be_divisible
from snn_models.convolution import normed
from snn_models.neuron import Neuron, fresh, leaky
from snn_models.tokens import SpikingTransformerBlock


class SpikingPatchSplitting(nn.Module):
    """Spiking patch splitting (SPS): four convolutions with spikes make the tokens, a fifth adds their positions.

    Each convolution but the last doubles the channels; the spikes of the last two of these are pooled, so that each
    token stands for 4 by 4 pixels.

    Args:
        in_channels: Channels of the images.
        dim: Features of a token, a multiple of 8.
        neuron: A function that returns a new neuron, with ``init_hidden=True``; :func:`~snn_models.leaky` by default.

    Shape:
        input ``[batch, in_channels, H, W]``, output ``[batch, tokens, dim]``, with ``H / 4 * W / 4`` tokens, each
        factor rounded up.

    Raises:
        TypeError: If ``neuron`` does not return a spiking neuron.
        ValueError: If ``dim`` is not a multiple of 8, or a number is not a whole number of at least 1.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> snn.unroll(SpikingPatchSplitting(3, 16), torch.ones(5, 2, 3, 32, 32)).shape
        torch.Size([5, 2, 64, 16])

    Source: Zhou et al., Spikformer: When Spiking Neural Network Meets Transformer (2023), "Spiking Patch Splitting".
    """

    def __init__(self, in_channels: int, dim: int, *, neuron: Neuron = leaky) -> None:
        super().__init__()
        owner = "SpikingPatchSplitting"
        must_be_counts(owner, in_channels=in_channels, dim=dim)
        must_be_divisible(owner, "dim", dim, by=8)

        def convolution(channels: int, out_channels: int, *more: nn.Module) -> nn.Sequential:
            return nn.Sequential(*normed(channels, out_channels), fresh(owner, neuron), *more)

        self.patches: nn.Sequential = nn.Sequential(
            convolution(in_channels, dim // 8),
            convolution(dim // 8, dim // 4),
            convolution(dim // 4, dim // 2, nn.MaxPool2d(3, 2, 1)),
            convolution(dim // 2, dim, nn.MaxPool2d(3, 2, 1)),
        )
        self.positions: nn.Sequential = convolution(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return the tokens of one step."""
        patches = self.patches(x)
        return (patches + self.positions(patches)).flatten(2).transpose(-1, -2)


class MeanToken(nn.Module):
    """The mean over the tokens, ``[batch, tokens, dim]`` to ``[batch, dim]``."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(-2)


def spikformer(
    depth: int = 4,
    dim: int = 384,
    num_classes: int = 10,
    *,
    heads: int = 8,
    in_channels: int = 3,
    mlp_ratio: int = 4,
    scale: float = 0.125,
    neuron: Neuron = leaky,
) -> nn.Sequential:
    """Make a Spikformer for small images, such as those of CIFAR.

    Args:
        depth: Number of blocks, L in the paper's name Spikformer-L-D.
        dim: Features of a token, D; a multiple of 8 and of ``heads``.
        num_classes: Number of outputs.
        heads: Number of heads of each attention.
        in_channels: Channels of the images.
        mlp_ratio: How many times ``dim`` features the hidden layers of the blocks have.
        scale: Factor of the attention; see :class:`~snn_models.SpikingSelfAttention`.
        neuron: A function that returns a new neuron, with ``init_hidden=True``; :func:`~snn_models.leaky` by default.

    Returns:
        A net that takes images ``[batch, in_channels, H, W]`` and returns ``[batch, num_classes]`` in each step; their
        mean over the steps is the prediction.

    Raises:
        TypeError: If ``neuron`` does not return a spiking neuron.
        ValueError: If ``dim`` is not divisible by 8 and by ``heads``, or a number is not a whole number of at least 1.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> net = spikformer(depth=1, dim=16, heads=2)
        >>> images = torch.rand(2, 3, 32, 32)
        >>> snn.unroll(net, images.expand(4, *images.shape)).mean(0).shape
        torch.Size([2, 10])

    Source: Zhou et al., Spikformer: When Spiking Neural Network Meets Transformer (2023), tables of CIFAR.
    """
    must_be_counts("spikformer", depth=depth, num_classes=num_classes)
    patches = SpikingPatchSplitting(in_channels, dim, neuron=neuron)
    attentions = [SpikingSelfAttention(dim, heads, scale=scale, neuron=neuron) for _ in range(depth)]
    blocks = [SpikingTransformerBlock(attention, dim, mlp_ratio, neuron=neuron) for attention in attentions]
    return nn.Sequential(patches, *blocks, MeanToken(), nn.Linear(dim, num_classes))
