"""The network of the demonstration, and what its neurons do over time."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import snn
from snn.demo.settings import Settings

__all__ = ["DigitReader", "Recording", "present", "record"]

PIXELS, CLASSES = 64, 10


class Recording(NamedTuple):
    """One image's spikes and membrane potentials, each ``[num_steps, neurons]``."""

    input_spk: Tensor
    hidden_spk: Tensor
    hidden_mem: Tensor
    output_spk: Tensor
    output_mem: Tensor


class DigitReader(nn.Module):
    r"""Pixels to spikes, a hidden layer, one output neuron a digit; the one that fires most is the answer.

    The first neurons integrate a pixel's brightness without leak, :math:`U[t] = U[t-1] + x - R[t]`, so a pixel of
    brightness x fires about x times a step: an encoder that draws no random numbers.

    Args:
        settings: Sizes and initial decay; the weights are drawn from torch's global generator.

    Shape:
        input ``[batch, 1, 8, 8]``, brightness in [0, 1]; output spikes ``[batch, 10]``.

    Example:
        >>> DigitReader(Settings(hidden=20))(torch.zeros(3, 1, 8, 8)).shape
        torch.Size([3, 10])

    Source: Gerstner et al., Neuronal Dynamics (2014), section 1.3.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        learnt: dict[str, Any] = {"init_hidden": True, "learn_beta": True, "learn_threshold": True}
        self.encoder = snn.Leaky(beta=1.0, init_hidden=True)
        self.to_hidden = nn.Linear(PIXELS, settings.hidden)
        self.hidden = snn.Leaky(beta=settings.beta, **learnt)
        self.to_output = nn.Linear(settings.hidden, CLASSES)
        self.output = snn.Leaky(beta=settings.beta, **learnt)

    def forward(self, images: Tensor) -> Tensor:
        """One step of all neurons."""
        spk = self.encoder(images.flatten(1))
        spk = self.hidden(self.to_hidden(spk))
        return self.output(self.to_output(spk))


def present(net: nn.Module, images: Tensor, num_steps: int) -> Tensor:
    """Show images to the network for some steps.

    Args:
        net: The network.
        images: Brightness in [0, 1], ``[batch, 1, 8, 8]``.
        num_steps: Steps.

    Returns:
        Output spikes, ``[num_steps, batch, 10]``.

    Example:
        >>> present(DigitReader(Settings(hidden=20)), torch.zeros(3, 1, 8, 8), num_steps=5).shape
        torch.Size([5, 3, 10])
    """
    return snn.unroll(net, images.expand(num_steps, *images.shape))


@torch.no_grad()
def record(net: DigitReader, image: Tensor, num_steps: int) -> Recording:
    """Show one image and keep what every neuron did.

    Args:
        net: The network.
        image: Brightness in [0, 1], ``[1, 8, 8]``.
        num_steps: Steps.

    Returns:
        Spikes and membrane potentials of the image.

    Example:
        >>> record(DigitReader(Settings(hidden=20)), torch.ones(1, 8, 8), num_steps=5).hidden_mem.shape
        torch.Size([5, 20])
    """
    pixels = image.flatten().expand(num_steps, 1, PIXELS)
    input_spk, _ = net.encoder.unroll(pixels)
    hidden_spk, hidden = net.hidden.unroll(net.to_hidden(input_spk), trace=True)
    output_spk, output = net.output.unroll(net.to_output(hidden_spk), trace=True)
    kept = (input_spk, hidden_spk, hidden.mem, output_spk, output.mem)
    return Recording(*(one.squeeze(1) for one in kept))
