"""The programs: nets, losses and data."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.peers.registry import LAST
from bench.programs import deep, nets
from bench.programs.contestants import BASE, CONTESTANTS, OWN
from bench.programs.kit import Kit
from bench.programs.losses import Counts


@dataclass(frozen=True)
class Outputs:
    """The outputs of a net, and their targets."""

    spk: Tensor  # spikes ``[T, batch, out]``; the same as ``mem`` if the last layer does not fire
    mem: Tensor  # membranes of the same shape, or the numbers of a last layer that does not fire
    targets: Tensor  # labels ``[batch]``, or numbers ``[batch, out]``


@dataclass(frozen=True)
class Program:
    """One row of the tables."""

    name: str  # as on the command line
    title: str  # what it computes, for a reader
    steps: int  # number of time steps
    batch: int  # number of samples
    sample: tuple[int, ...]  # shape of one sample of one step
    net: Callable[[Kit], nn.Module]  # makes its net
    loss: Callable[[Kit, Outputs], Tensor]  # its loss
    # factors of each layer's first weights and biases, so that one neuron in ten fires in a step
    gains: tuple[float, ...]
    density: float | None = None  # share of ones in an input of spikes; None for an image, the same in each step
    numbers: int | None = None  # how many numbers are the target of each sample; None for labels
    classes: int = 10  # number of labels
    rate: float = 1e-4  # learning rate of the optimizer, Adam: small, so that the net hardly changes while it is timed
    contestants: tuple[str, ...] = tuple(CONTESTANTS)  # the libraries that run it

    def data(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw input and targets.

        Returns:
            Input ``[T, batch, ...]`` and targets.

        Example:
            >>> xs, labels = PROGRAMS["quickstart"].data(torch.Generator())
            >>> xs.shape, xs.stride(0), labels.shape
            (torch.Size([25, 128, 1, 28, 28]), 0, torch.Size([128]))
        """
        if self.density is None:
            image = torch.rand(self.batch, *self.sample, generator=generator)
            xs = image.expand(self.steps, *image.shape)
        else:
            xs = torch.rand(self.steps, self.batch, *self.sample, generator=generator).lt(self.density).float()
        if self.numbers is not None:
            return xs, torch.rand(self.batch, self.numbers, generator=generator)
        return xs, torch.randint(self.classes, (self.batch,), generator=generator)


def _every_membrane(kit: Kit, outputs: Outputs) -> Tensor:
    losses = [nn.functional.cross_entropy(mem, outputs.targets) for mem in outputs.mem.unbind(0)]
    return torch.stack(losses).sum()


def _mean_membrane(kit: Kit, outputs: Outputs) -> Tensor:
    return nn.functional.cross_entropy(outputs.mem.mean(0), outputs.targets)


def _last_membrane(kit: Kit, outputs: Outputs) -> Tensor:
    return nn.functional.mse_loss(outputs.mem[-1], outputs.targets)


def _rate(kit: Kit, outputs: Outputs) -> Tensor:
    return kit.losses.rate(outputs.spk, outputs.targets)


def _counts(kit: Kit, outputs: Outputs, shares: Counts) -> Tensor:
    return kit.losses.counts(outputs.spk, outputs.targets, shares)


_FEW = (BASE, OWN, LAST)

PROGRAMS = {
    program.name: program
    for program in [
        Program(
            "tutorial-5",
            "784-1000-10, T=25, one image; cross entropy of every step's membrane",
            25,
            128,
            (784,),
            functools.partial(nets.dense, inputs=784, hidden=1000, out=10, beta=0.95),
            _every_membrane,
            (1.0, 1.4),
        ),
        Program(
            "tutorial-6",
            "Conv 12-pool-Conv 64-pool-Linear, T=50, one image; cross entropy of spikes",
            50,
            128,
            (1, 28, 28),
            functools.partial(nets.convolutions, first=12, second=64),
            _rate,
            (2.5, 2.2, 5.1),
        ),
        Program(
            "tutorial-7",
            "events 2 x 34 x 34, Conv 12-Conv 32-Linear, spikes pooled, T=25; numbers of spikes",
            25,
            128,
            (2, 34, 34),
            nets.pooled_spikes,
            functools.partial(_counts, shares=Counts(0.8, 0.2)),
            (7.4, 2.2, 1.9),
            density=0.05,
        ),
        Program(
            "quickstart",
            "Conv 8-pool-Conv 16-pool-Linear, T=25, one image; cross entropy of spikes",
            25,
            128,
            (1, 28, 28),
            functools.partial(nets.convolutions, first=8, second=16),
            _rate,
            (2.2, 2.0, 9.0),
        ),
        Program(
            "regression-2",
            "784-recurrent 128-10, T=10, one image; squared error of the last membrane",
            10,
            128,
            (784,),
            functools.partial(nets.dense, inputs=784, hidden=128, out=10, beta=0.9, recurrent=True),
            _last_membrane,
            (1.0, 1.0, 2.4),
            numbers=10,
        ),
        Program(
            "population",
            "784-128-500, T=1, 50 neurons per class; numbers of spikes",
            1,
            128,
            (784,),
            functools.partial(nets.dense, inputs=784, hidden=128, out=500, beta=0.9),
            functools.partial(_counts, shares=Counts(1.0, 0.0, classes=10)),
            (2.3, 4.1),
        ),
        Program(
            "shd",
            "spikes of 700 channels, recurrent 256-20, T=250; cross entropy of the mean membrane",
            250,
            128,
            (700,),
            functools.partial(nets.dense, inputs=700, hidden=256, out=20, beta=0.95, recurrent=True),
            _mean_membrane,
            (8.3, 0.3, 4.1),
            density=0.02,
            classes=20,
        ),
        Program(
            "residual",
            "3 x 32 x 32, Conv 16, residual blocks of 16 and 32 channels, T=16, batch 32; cross entropy of spikes",
            16,
            32,
            (3, 32, 32),
            nets.residual,
            _rate,
            (2.6, 4.1, 2.7, 4.1, 2.2, 2.2, 7.5),
        ),
        Program(
            "speech-norm",
            "spikes of 700 channels, 380-380-20, batch norm and dropout, T=100, batch 64; cross entropy of the mean "
            "membrane",
            100,
            64,
            (700,),
            nets.normed,
            _mean_membrane,
            (0.8, 0.8, 3.5),
            density=0.03,
            classes=20,
            contestants=_FEW,
        ),
        Program(
            "events-norm",
            "events 2 x 34 x 34, Conv 12-Conv 32-Linear with batch norm and dropout, T=10, batch 32; cross entropy of "
            "spikes",
            10,
            32,
            (2, 34, 34),
            nets.normed_events,
            _rate,
            (0.8, 0.8, 1.8),
            density=0.05,
            contestants=_FEW,
        ),
        Program(
            "residual-norm",
            "3 x 32 x 32, Conv 16, blocks of 16 and 32 channels with batch norm that add spikes, T=4, batch 16; cross "
            "entropy of spikes",
            4,
            16,
            (3, 32, 32),
            nets.normed_residual,
            _rate,
            (0.7, 0.75, 0.8, 0.8, 0.8, 0.8, 5.0),
            contestants=(*_FEW, "spikingjelly"),
        ),
        Program(
            "transformer",
            "3 x 32 x 32, 64 tokens of 64 channels, two blocks of spiking self-attention with batch norm, T=4, batch "
            "16; cross entropy of spikes",
            4,
            16,
            (3, 32, 32),
            nets.transformer,
            _rate,
            (0.4, 0.4, *(0.8,) * 12, 2.0),
            contestants=(*_FEW, "spikingjelly"),
        ),
        Program(
            "sew-resnet-18",
            "3 x 32 x 32, SEW-ResNet-18 of snn-models, T=4, batch 16; cross entropy of the mean output",
            4,
            16,
            (3, 32, 32),
            deep.sew_resnet,
            _mean_membrane,
            (*(0.8,) * 20, 1.0),
            contestants=(*_FEW, "spikingjelly"),
        ),
        Program(
            "qkformer",
            "3 x 32 x 32, QKFormer of snn-models, three blocks of 16, 32 and 64 features, T=4, batch 16; cross entropy "
            "of the mean output",
            4,
            16,
            (3, 32, 32),
            deep.qkformer,
            _mean_membrane,
            (*(0.8,) * 9, 0.4, *(0.8,) * 7, 0.4, *(0.8,) * 7, 1.0),
            contestants=(*_FEW, "spikingjelly"),
        ),
    ]
}
"""By name, in the order of the tables."""
