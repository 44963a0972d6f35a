"""The deep nets of the programs: those of ``snn-models``, for every library.

A library without ``snn-models`` runs them too, so they are written here once more; a test compares them layer by layer.
"""

from __future__ import annotations

from torch import Tensor, nn

from bench.programs.kit import Kit, Leaky
from bench.programs.nets import SLOPE, SpikeBlock, Tokens, normed_convolution, normed_linear

SCALE = 0.5
"""The factor of self-attention; with less, its neurons hardly fire before training."""
_HEADS = 4


def sew_resnet(kit: Kit, width: int = 64, depth: int = 2, stages: int = 4) -> nn.Module:
    """Make a spike-element-wise ResNet for color images: of 18 layers if ``depth`` blocks of each stage are two."""
    layers: list[nn.Module] = [normed_convolution(kit, 3, width, 3)]
    channels = width
    for stage in range(stages):
        out = width * 2**stage
        for _ in range(depth):
            layers.append(SpikeBlock(kit, channels, out, 1 if channels == out else 2))
            channels = out
    return nn.Sequential(*layers, _classifier(kit, channels))


def qkformer(kit: Kit, width: int = 64) -> nn.Module:
    """Make a QKFormer of three stages with a block each, of which the last has ``width`` features."""
    first, second = width // 4, width // 2
    return nn.Sequential(
        normed_convolution(kit, 3, first // 2, 3),
        _Past(normed_convolution(kit, first // 2, first, 3), normed_convolution(kit, first // 2, first, 1)),
        _OverPixels(kit, _Block(kit, _QKAttention(kit, first), first)),
        _halved(kit, first, second),
        _OverPixels(kit, _Block(kit, _QKAttention(kit, second), second)),
        _halved(kit, second, width),
        _OverPixels(kit, _Block(kit, _SelfAttention(kit, width), width)),
        _classifier(kit, width),
    )


def _classifier(kit: Kit, channels: int) -> nn.Module:
    return kit.lift(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)))


def _halved(kit: Kit, channels: int, out: int) -> nn.Module:
    main = nn.Sequential(
        normed_convolution(kit, channels, out, 3), normed_convolution(kit, out, out, 3, 1, nn.MaxPool2d(3, 2, 1))
    )
    return _Past(main, normed_convolution(kit, channels, out, 1, 2))


class _Past(nn.Module):
    """The spikes of layers, and of others past them, added up."""

    def __init__(self, main: nn.Module, past: nn.Module) -> None:
        super().__init__()
        self.main, self.past = main, past

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x) + self.past(x)


class _OverPixels(nn.Module):
    """A block that takes the pixels of an image as tokens, and gives an image back."""

    def __init__(self, kit: Kit, block: nn.Module) -> None:
        super().__init__()
        self.tokens, self.block = kit.lift(Tokens()), block

    def forward(self, x: Tensor) -> Tensor:
        return self.block(self.tokens(x)).transpose(-1, -2).unflatten(-1, x.shape[-2:])


class _Block(nn.Module):
    """An attention and two layers for each token; each adds spikes to its input."""

    def __init__(self, kit: Kit, attention: nn.Module, width: int) -> None:
        super().__init__()
        self.attention = attention
        self.mixing = nn.Sequential(normed_linear(kit, width, 4 * width), normed_linear(kit, 4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(x)
        return x + self.mixing(x)


# axes are counted from the end, so that the same lines take a step or a whole sequence
def _split(x: Tensor) -> Tensor:
    return x.unflatten(-1, (_HEADS, -1)).transpose(-3, -2)


def _joined(x: Tensor) -> Tensor:
    return x.transpose(-3, -2).flatten(-2)


class _QKAttention(nn.Module):
    """The spikes of keys pass where the queries of a token fire enough."""

    def __init__(self, kit: Kit, width: int) -> None:
        super().__init__()
        self.query, self.key = (normed_linear(kit, width, width, bias=False) for _ in range(2))
        self.spiking = kit.neurons(Leaky(0.5, SLOPE))
        self.out = normed_linear(kit, width, width)

    def forward(self, x: Tensor) -> Tensor:
        mask = self.spiking(_split(self.query(x)).sum(-1, keepdim=True))
        return self.out(_joined(mask * _split(self.key(x))))


class _SelfAttention(nn.Module):
    """Products of the spikes of queries, keys and values."""

    def __init__(self, kit: Kit, width: int) -> None:
        super().__init__()
        self.query, self.key = (normed_linear(kit, width, width, bias=False) for _ in range(2))
        self.spiking = kit.neurons(Leaky(0.5, SLOPE))
        self.out = normed_linear(kit, width, width)
        self.value = normed_linear(kit, width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (_split(layer(x)) for layer in (self.query, self.key, self.value))
        return self.out(self.spiking(_joined(query @ key.transpose(-2, -1) @ value * SCALE)))
