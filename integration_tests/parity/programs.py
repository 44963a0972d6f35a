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


def own_equations(snn: Any) -> nn.Sequential:
    """Subclasses of neurons that override the equation of one step, which reads the states as attributes."""

    class Quadratic(snn.Leaky):
        def _base_state_function(self, input_: Tensor) -> Tensor:
            return super()._base_state_function(input_) - 0.05 * self.mem**2

    class Coupled(snn.Synaptic):
        def _base_state_function(self, input_: Tensor) -> tuple[Tensor, Tensor]:
            syn = self.alpha.clamp(0, 1) * self.syn + input_ - 0.1 * self.mem
            return syn, self.beta.clamp(0, 1) * self.mem + 0.5 * syn

    return nn.Sequential(
        nn.Linear(7, 11),
        Quadratic(beta=0.9, init_hidden=True, threshold=0.5, reset_mechanism="zero", learn_beta=True),
        nn.Linear(11, 11),
        Quadratic(beta=0.8, init_hidden=True, threshold=0.5, reset_mechanism="none", state_quant=torch.relu),
        nn.Linear(11, 5),
        Coupled(alpha=0.7, beta=0.8, init_hidden=True, threshold=0.3, learn_alpha=True, output=True),
    )


def own_forwards(snn: Any) -> nn.Sequential:
    """A neuron with a ``forward`` of its own, which derives from the base class of all neurons."""

    class Resonant(snn.SpikingNeuron):
        def __init__(
            self, beta: float, threshold: float = 1.0, spike_grad: Any = None, init_hidden: bool = False, **options: Any
        ) -> None:
            super().__init__(threshold, spike_grad, False, init_hidden, False, True, **options)
            self.beta = nn.Parameter(torch.tensor(beta))
            self._init_mem()
            by_reset = self._base_sub, self._base_zero, self._base_state_function
            self.state_function = by_reset[self.reset_mechanism_val]

        def _init_mem(self) -> None:
            for name in ("syn", "mem"):
                self.register_buffer(name, torch.zeros(0), persistent=False)

        def reset_mem(self) -> tuple[Tensor, Tensor]:
            self.syn, self.mem = torch.zeros_like(self.syn), torch.zeros_like(self.mem)
            return self.syn, self.mem

        def forward(self, input_: Tensor, syn: Any = None, mem: Any = None) -> Any:
            self.syn = self.syn if syn is None else syn
            self.mem = self.mem if mem is None else mem
            if self.mem.shape != input_.shape:
                self.syn = self.mem = torch.zeros_like(input_)
            self.reset = self.mem_reset(self.mem)
            self.syn, self.mem = self.state_function(input_)
            spk = self.fire(self.mem)
            return spk if self.init_hidden and not self.output else (spk, self.mem)

        def _base_state_function(self, input_: Tensor) -> tuple[Tensor, Tensor]:
            syn = 0.8 * self.syn - 0.3 * self.mem + input_
            return syn, self.beta.clamp(0, 1) * self.mem + syn

        def _base_sub(self, input_: Tensor) -> tuple[Tensor, Tensor]:
            syn, mem = self._base_state_function(input_)
            return syn, mem - self.reset * self.threshold

        def _base_zero(self, input_: Tensor) -> tuple[Tensor, Tensor]:
            syn, mem = self._base_state_function(input_)
            return syn, mem * (1 - self.reset)

    grad = snn.surrogate.fast_sigmoid(slope=5)
    return nn.Sequential(
        nn.Linear(7, 11),
        Resonant(0.9, 0.7, grad, True),
        nn.Linear(11, 5),
        Resonant(0.8, init_hidden=True, output=True, reset_mechanism="zero", graded_spikes_factor=0.5),
    )


def whole(net: Net, snn: Any, xs: Tensor) -> tuple[Tensor, ...]:
    """A net with a time loop of its own."""
    return net(xs)


def restarted(net: Net, snn: Any, xs: Tensor) -> tuple[Tensor, ...]:
    """The same for neurons with a forward of their own, which the peer's ``utils.reset`` leaves alone."""
    for neuron in net.modules():
        if isinstance(neuron, snn.SpikingNeuron):
            neuron.reset_mem()
    return stepped(net, snn, xs)


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
    "own equations": (own_equations, stepped, (9, 3, 7)),
    "own forward": (own_forwards, restarted, (9, 3, 7)),
}
