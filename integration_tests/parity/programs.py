"""Small nets as users write them, each a function of the package that its neurons come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Net = nn.Module


class ExplicitStates(nn.Module):
    """Membranes are variables of a loop over time inside ``forward``."""

    shape = (9, 3, 7)

    def __init__(self, snn: Any) -> None:
        super().__init__()
        self.fc1 = nn.Linear(7, 11)
        self.lif1 = snn.Leaky(beta=0.9, learn_beta=True)
        self.fc2 = nn.Linear(11, 5)
        self.lif2 = snn.Synaptic(alpha=0.8, beta=0.7, learn_alpha=True, learn_threshold=True)

    def forward(self, xs: Tensor) -> tuple[Tensor, Tensor]:
        mem1 = self.lif1.init_leaky()
        syn2, mem2 = self.lif2.reset_mem()
        spks, mems = [], []
        for x in xs:
            spk1, mem1 = self.lif1(self.fc1(x), mem1)
            spk2, syn2, mem2 = self.lif2(self.fc2(spk1), syn2, mem2)
            spks.append(spk2)
            mems.append(mem2)
        return torch.stack(spks), torch.stack(mems)


class Recurrent(nn.Module):
    """Recurrent neurons take and return the spikes of the step before."""

    shape = (9, 3, 7)

    def __init__(self, snn: Any) -> None:
        super().__init__()
        self.fc1 = nn.Linear(7, 11)
        self.lif1 = snn.RLeaky(beta=0.8, linear_features=11, learn_beta=True)
        self.fc2 = nn.Linear(11, 5)
        self.lif2 = snn.RSynaptic(alpha=0.6, beta=0.9, all_to_all=False, V=0.4, reset_mechanism="none")

    def forward(self, xs: Tensor) -> tuple[Tensor, Tensor]:
        spk1, mem1 = self.lif1.init_rleaky()
        spk2, syn2, mem2 = self.lif2.init_rsynaptic()
        spks, mems = [], []
        for x in xs:
            spk1, mem1 = self.lif1(self.fc1(x), spk1, mem1)
            spk2, syn2, mem2 = self.lif2(self.fc2(spk1), spk2, syn2, mem2)
            spks.append(spk2)
            mems.append(mem2)
        return torch.stack(spks), torch.stack(mems)


class Kept(nn.Module):
    """Neurons keep their states; ``forward`` is one step, reset from outside."""

    shape = (7, 3, 1, 8, 8)

    def __init__(self, snn: Any) -> None:
        super().__init__()
        grad = snn.surrogate.fast_sigmoid(slope=5)
        self.conv = nn.Conv2d(1, 3, 3)
        self.lif1 = snn.Leaky(beta=torch.full((3, 1, 1), 0.7), init_hidden=True, spike_grad=grad, learn_beta=True)
        self.fc = nn.Linear(27, 5)
        self.lif2 = snn.Lapicque(beta=0.8, threshold=0.1, init_hidden=True, output=True, spike_grad=grad)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.lif1(F.max_pool2d(self.conv(x), 2))
        return self.lif2(self.fc(hidden.flatten(1)))


class Lstm(nn.Module):
    """LSTM cells that fire, convolutional and dense."""

    shape = (5, 3, 2, 6, 6)

    def __init__(self, snn: Any) -> None:
        super().__init__()
        self.conv = snn.SConv2dLSTM(2, 3, 3, max_pool=2, threshold=0.05, reset_mechanism="subtract")
        self.lstm = snn.SLSTM(27, 27, threshold=0.05, learn_threshold=True)
        self.fc = nn.Linear(27, 5)

    def forward(self, xs: Tensor) -> tuple[Tensor, ...]:
        syn1, mem1 = self.conv.init_sconv2dlstm()
        syn2, mem2 = self.lstm.init_slstm()
        spks, outputs = [], []
        for x in xs:
            spk1, syn1, mem1 = self.conv(x, syn1, mem1)
            spk2, syn2, mem2 = self.lstm(spk1.flatten(1), syn2, mem2)
            spks.append(spk2)
            outputs.append(self.fc(spk2) + mem2.mean())
        return torch.stack(spks), torch.stack(outputs)


def dense(snn: Any) -> nn.Sequential:
    """Layers in a row, the last of them with ``output=True``."""
    return nn.Sequential(
        nn.Linear(7, 11),
        snn.Leaky(beta=0.9, init_hidden=True, threshold=0.5),
        nn.Linear(11, 11),
        snn.Alpha(alpha=0.9, beta=0.7, init_hidden=True, threshold=0.5),
        nn.Linear(11, 5),
        snn.Synaptic(alpha=0.7, beta=0.8, init_hidden=True, output=True),
    )


def convolutional(snn: Any) -> nn.Sequential:
    """Convolutions and pools in a row, reset to zero after a spike."""
    grad = snn.surrogate.atan(alpha=1.5)
    options = {"beta": 0.6, "init_hidden": True, "spike_grad": grad, "reset_mechanism": "zero", "threshold": 0.3}
    return nn.Sequential(
        nn.Conv2d(1, 3, 3),
        nn.MaxPool2d(2),
        snn.Leaky(**options, learn_threshold=True),
        nn.Flatten(),
        nn.Linear(27, 5),
        snn.Leaky(**options, output=True),
    )


def whole(net: Net, snn: Any, xs: Tensor) -> tuple[Tensor, ...]:
    """A net with a time loop of its own."""
    return net(xs)


def stepped(net: Net, snn: Any, xs: Tensor) -> tuple[Tensor, ...]:
    """A net that does one step a call, run from a reset over all of them."""
    snn.utils.reset(net)
    steps = [net(x) for x in xs]
    return tuple(torch.stack(column) for column in zip(*steps, strict=True))


Run = Callable[[Net, Any, Tensor], tuple[Tensor, ...]]

PROGRAMS: dict[str, tuple[Callable[[Any], Net], Run, tuple[int, ...]]] = {
    "explicit states": (ExplicitStates, whole, ExplicitStates.shape),
    "recurrent neurons": (Recurrent, whole, Recurrent.shape),
    "LSTM neurons": (Lstm, whole, Lstm.shape),
    "kept states": (Kept, stepped, Kept.shape),
    "dense Sequential": (dense, stepped, (9, 3, 7)),
    "convolutional Sequential": (convolutional, stepped, (7, 3, 1, 8, 8)),
}
