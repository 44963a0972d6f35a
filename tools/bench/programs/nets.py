"""The nets of the programs, for every library: each brings its own neurons."""

from __future__ import annotations

from itertools import zip_longest

from torch import Tensor, nn

from bench.programs.kit import Kit, Leaky

SLOPE = 25.0


def dense(kit: Kit, inputs: int, hidden: int, out: int, beta: float, recurrent: bool = False) -> nn.Module:
    """Make a hidden layer, whose spikes return to all its neurons if it is recurrent, and an output layer."""
    return nn.Sequential(
        kit.lift(nn.Linear(inputs, hidden)),
        kit.neurons(Leaky(beta, features=hidden if recurrent else None)),
        kit.lift(nn.Linear(hidden, out)),
        kit.neurons(Leaky(beta, output=True)),
    )


def convolutions(kit: Kit, first: int, second: int) -> nn.Module:
    """Make two convolutions of images of 28 by 28 pixels, each pooled before its neurons, and an output layer."""
    spiking = Leaky(0.5, SLOPE)
    return nn.Sequential(
        kit.lift(nn.Sequential(nn.Conv2d(1, first, 5), nn.MaxPool2d(2))),
        kit.neurons(spiking),
        kit.lift(nn.Sequential(nn.Conv2d(first, second, 5), nn.MaxPool2d(2))),
        kit.neurons(spiking),
        kit.lift(nn.Sequential(nn.Flatten(), nn.Linear(second * 16, 10))),
        kit.neurons(Leaky(0.5, SLOPE, output=True)),
    )


def pooled_spikes(kit: Kit) -> nn.Module:
    """Make two convolutions of frames of 34 by 34 pixels, whose spikes are pooled, and an output layer."""
    spiking = Leaky(0.5, SLOPE)
    return nn.Sequential(
        kit.lift(nn.Conv2d(2, 12, 5)),
        kit.neurons(spiking),
        kit.lift(nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(12, 32, 5))),
        kit.neurons(spiking),
        kit.lift(nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(800, 10))),
        kit.neurons(Leaky(0.5, SLOPE, output=True)),
    )


def residual(kit: Kit) -> nn.Module:
    """Make a convolution of color images of 32 by 32 pixels, two residual blocks, and an output layer."""
    return nn.Sequential(
        kit.lift(nn.Conv2d(3, 16, 3, padding=1)),
        kit.neurons(Leaky(0.5, SLOPE)),
        _Block(kit, 16, 16, 1),
        _Block(kit, 16, 32, 2),
        kit.lift(nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(512, 10))),
        kit.neurons(Leaky(0.5, SLOPE, output=True)),
    )


class _Block(nn.Module):
    """Two convolutions, each before neurons; the input is added to the second, through a third if sizes change."""

    def __init__(self, kit: Kit, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.first = kit.lift(nn.Conv2d(channels, out, 3, stride, padding=1))
        self.spiking = kit.neurons(Leaky(0.5, SLOPE))
        self.second = kit.lift(nn.Conv2d(out, out, 3, padding=1))
        same = (channels, 1) == (out, stride)
        self.past = nn.Identity() if same else kit.lift(nn.Conv2d(channels, out, 1, stride))
        self.after = kit.neurons(Leaky(0.5, SLOPE))

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.second(self.spiking(self.first(x))) + self.past(x))


def normed(kit: Kit) -> nn.Module:
    """Make two hidden layers with batch norm before their neurons and dropout behind them, and an output layer."""
    spiking = Leaky(0.6)
    return nn.Sequential(
        kit.lift(nn.Sequential(nn.Linear(700, 380), nn.BatchNorm1d(380))),
        kit.neurons(spiking),
        kit.lift(nn.Sequential(nn.Dropout(0.25), nn.Linear(380, 380), nn.BatchNorm1d(380))),
        kit.neurons(spiking),
        kit.lift(nn.Sequential(nn.Dropout(0.25), nn.Linear(380, 20))),
        kit.neurons(Leaky(0.6, output=True)),
    )


def normed_events(kit: Kit) -> nn.Module:
    """Make two convolutions of frames of 34 by 34 pixels with batch norm, spikes that are dropped, and an output."""
    spiking = Leaky(0.5, SLOPE)
    return nn.Sequential(
        kit.lift(nn.Sequential(nn.Conv2d(2, 12, 5), nn.BatchNorm2d(12))),
        kit.neurons(spiking),
        kit.lift(nn.Sequential(nn.MaxPool2d(2), nn.Dropout(0.1), nn.Conv2d(12, 32, 5), nn.BatchNorm2d(32))),
        kit.neurons(spiking),
        kit.lift(nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.25), nn.Linear(800, 10))),
        kit.neurons(Leaky(0.5, SLOPE, output=True)),
    )


def normed_residual(kit: Kit) -> nn.Module:
    """Make a convolution of color images of 32 by 32 pixels, two blocks that add up spikes, and an output layer."""
    return nn.Sequential(
        kit.lift(nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16))),
        kit.neurons(Leaky(0.5, SLOPE)),
        SpikeBlock(kit, 16, 16, 1),
        SpikeBlock(kit, 16, 32, 2),
        kit.lift(nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Dropout(0.25), nn.Linear(512, 10))),
        kit.neurons(Leaky(0.5, SLOPE, output=True)),
    )


class SpikeBlock(nn.Module):
    """Two convolutions with batch norm and neurons, whose spikes are added to those of the input."""

    def __init__(self, kit: Kit, channels: int, out: int, stride: int) -> None:
        super().__init__()
        same = (channels, 1) == (out, stride)
        self.first = normed_convolution(kit, channels, out, 3, stride)
        self.second = normed_convolution(kit, out, out, 3)
        self.past = nn.Identity() if same else normed_convolution(kit, channels, out, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x)) + self.past(x)


def normed_convolution(
    kit: Kit, channels: int, out: int, size: int, stride: int = 1, *before: nn.Module
) -> nn.Sequential:
    """Make a convolution with batch norm and neurons, with layers ``before`` the neurons."""
    convolution = nn.Conv2d(channels, out, size, stride, padding=size // 2, bias=False)
    normed = nn.Sequential(convolution, nn.BatchNorm2d(out), *before)
    return nn.Sequential(kit.lift(normed), kit.neurons(Leaky(0.5, SLOPE)))


def normed_linear(kit: Kit, inputs: int, out: int, bias: bool = True) -> nn.Sequential:
    """Make a linear layer of tokens with batch norm and neurons."""
    return nn.Sequential(kit.lift(NormedLinear(inputs, out, bias)), kit.neurons(Leaky(0.5, SLOPE)))


def transformer(kit: Kit, width: int = 64, depth: int = 2) -> nn.Module:
    """Make patches of color images of 32 by 32 pixels, blocks of spiking self-attention, and an output layer."""
    spiking, half = Leaky(0.5, SLOPE), width // 2
    return nn.Sequential(
        kit.lift(nn.Sequential(nn.Conv2d(3, half, 3, padding=1), nn.BatchNorm2d(half), nn.MaxPool2d(2))),
        kit.neurons(spiking),
        kit.lift(nn.Sequential(nn.Conv2d(half, width, 3, padding=1), nn.BatchNorm2d(width), nn.MaxPool2d(2))),
        kit.neurons(spiking),
        kit.lift(Tokens()),
        *(_AttentionBlock(kit, width) for _ in range(depth)),
        kit.lift(nn.Sequential(_MeanToken(), nn.Dropout(0.1), nn.Linear(width, 10))),
        kit.neurons(Leaky(0.5, SLOPE, output=True)),
    )


class Tokens(nn.Module):
    """The pixels of an image as tokens ``[batch, pixels, channels]``."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).transpose(-1, -2)


class _MeanToken(nn.Module):
    """The mean over the tokens."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(-2)


class NormedLinear(nn.Module):
    """A linear layer of tokens with batch norm."""

    def __init__(self, inputs: int, out: int, bias: bool = True) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(inputs, out, bias), nn.BatchNorm1d(out)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.linear(x).transpose(-1, -2)).transpose(-1, -2)


class _AttentionBlock(nn.Module):
    """Spiking self-attention with four heads and without a softmax, and two layers; each adds spikes to its input."""

    def __init__(self, kit: Kit, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (normed_linear(kit, width, width) for _ in range(4))
        self.spiking = kit.neurons(Leaky(0.5, SLOPE))
        self.mixing = nn.Sequential(normed_linear(kit, width, 2 * width), normed_linear(kit, 2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        # axes are counted from the end, so that the same lines take a step or a whole sequence
        query, key, value = (
            layer(x).unflatten(-1, (4, -1)).transpose(-3, -2) for layer in (self.query, self.key, self.value)
        )
        attended = (query @ key.transpose(-2, -1) @ value * 0.25).transpose(-3, -2).flatten(-2)
        x = x + self.out(self.spiking(attended))
        return x + self.mixing(x)


def gained(net: nn.Module, gains: tuple[float, ...]) -> nn.Module:
    """Scale weights and biases in place, by a factor for each linear layer and convolution in their order in the net.

    Where batch norm follows, whose results do not depend on the scale before it, its weights are scaled instead.

    Example:
        >>> import torch
        >>> layer = nn.Linear(2, 1)
        >>> before = layer.weight.clone()
        >>> bool((gained(layer, (3.0,)).weight == 3 * before).all())
        True
    """
    norms = nn.BatchNorm1d, nn.BatchNorm2d
    layers = [layer for layer in net.modules() if isinstance(layer, (nn.Linear, nn.Conv2d, *norms))]
    scaled = [layer for layer, after in zip_longest(layers, layers[1:]) if not isinstance(after, norms)]
    for layer, gain in zip(scaled, gains, strict=True):
        for parameter in layer.parameters():
            parameter.data *= gain
    return net
