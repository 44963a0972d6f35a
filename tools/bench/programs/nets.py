"""The nets of the programs, for every library: each brings its own neurons."""

from __future__ import annotations

from torch import Tensor, nn

from bench.programs.kit import Kit, Leaky

_SLOPE = 25.0


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
    spiking = Leaky(0.5, _SLOPE)
    return nn.Sequential(
        kit.lift(nn.Sequential(nn.Conv2d(1, first, 5), nn.MaxPool2d(2))),
        kit.neurons(spiking),
        kit.lift(nn.Sequential(nn.Conv2d(first, second, 5), nn.MaxPool2d(2))),
        kit.neurons(spiking),
        kit.lift(nn.Sequential(nn.Flatten(), nn.Linear(second * 16, 10))),
        kit.neurons(Leaky(0.5, _SLOPE, output=True)),
    )


def pooled_spikes(kit: Kit) -> nn.Module:
    """Make two convolutions of frames of 34 by 34 pixels, whose spikes are pooled, and an output layer."""
    spiking = Leaky(0.5, _SLOPE)
    return nn.Sequential(
        kit.lift(nn.Conv2d(2, 12, 5)),
        kit.neurons(spiking),
        kit.lift(nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(12, 32, 5))),
        kit.neurons(spiking),
        kit.lift(nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(800, 10))),
        kit.neurons(Leaky(0.5, _SLOPE, output=True)),
    )


def residual(kit: Kit) -> nn.Module:
    """Make a convolution of color images of 32 by 32 pixels, two residual blocks, and an output layer."""
    return nn.Sequential(
        kit.lift(nn.Conv2d(3, 16, 3, padding=1)),
        kit.neurons(Leaky(0.5, _SLOPE)),
        _Block(kit, 16, 16, 1),
        _Block(kit, 16, 32, 2),
        kit.lift(nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(512, 10))),
        kit.neurons(Leaky(0.5, _SLOPE, output=True)),
    )


class _Block(nn.Module):
    """Two convolutions, each before neurons; the input is added to the second, through a third if sizes change."""

    def __init__(self, kit: Kit, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.first = kit.lift(nn.Conv2d(channels, out, 3, stride, padding=1))
        self.spiking = kit.neurons(Leaky(0.5, _SLOPE))
        self.second = kit.lift(nn.Conv2d(out, out, 3, padding=1))
        same = (channels, 1) == (out, stride)
        self.past = nn.Identity() if same else kit.lift(nn.Conv2d(channels, out, 1, stride))
        self.after = kit.neurons(Leaky(0.5, _SLOPE))

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.second(self.spiking(self.first(x))) + self.past(x))


def gained(net: nn.Module, gains: tuple[float, ...]) -> nn.Module:
    """Scale weights and biases in place, by a factor for each linear layer and convolution in their order in the net.

    Example:
        >>> import torch
        >>> layer = nn.Linear(2, 1)
        >>> before = layer.weight.clone()
        >>> bool((gained(layer, (3.0,)).weight == 3 * before).all())
        True
    """
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    for layer, gain in zip(layers, gains, strict=True):
        for parameter in layer.parameters():
            parameter.data *= gain
    return net
