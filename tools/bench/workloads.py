"""Workloads: nets, shapes, and the strength of their inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Workload:
    """One net on one shape of input, forward and backward."""

    name: str  # short name, as on the command line
    title: str  # title in the tables
    kind: str  # ``"neuron"`` (no weights), ``"linear"``, ``"stack"`` (four linear layers), ``"conv"``, ``"recurrent"``
    steps: int  # T, number of time steps
    batch: int  # B
    shape: tuple[int, ...]  # shape of one sample of one step
    out: int  # number of output neurons
    drive: float = 1.0  # factor on the input
    density: float = 0.0  # share of ones in a binary input; 0 for dense uniform input in [0, 1)
    beta: float = 0.9  # membrane decay per step
    # ``"leaky"``, ``"learnable"`` (one decay and threshold per neuron, both learned), ``"synaptic"``, ``"alpha"``,
    # ``"delta"``, ``"slstm"``; ``"own"`` and ``"exponential"``, as a user writes them
    neuron: str = "leaky"
    infer: bool = False  # measure the forward pass without gradients too
    memory: bool = True  # measure peak memory
    peers: tuple[str, ...] = ()  # names of the peers that run it; empty for all

    @property
    def layers(self) -> int:
        """Number of layers of neurons.

        Example:
            >>> WORKLOADS["W4"].layers
            2
        """
        return {"neuron": 1, "linear": 1, "stack": 4, "conv": 3, "recurrent": 2}[self.kind]


_LABELS = {
    "leaky": "LIF",
    "learnable": "Learned LIF (per neuron)",
    "delta": "DeltaLeaky",
    "slstm": "SLSTM",
    "own": "A user's neuron with two states",
    "exponential": "A user's neuron with an exponential",
}


def _neuron(name: str, steps: int, batch: int, out: int, neuron: str = "leaky", **more: Any) -> Workload:
    # One neuron in eight or so fires in a step.
    drive = {"synaptic": 0.08, "alpha": 1.4, "own": 0.6, "delta": 0.8, "slstm": 2.0}.get(neuron, 0.4)
    label = _LABELS.get(neuron, neuron.capitalize())
    title = f"{label} alone, T,B,N = {steps},{batch},{out}"
    return Workload(name, title, "neuron", steps, batch, (out,), out, drive, neuron=neuron, **more)


def scaled(steps: int, batch: int, out: int) -> Workload:
    """Return a LIF layer alone, for the scaling table.

    Example:
        >>> scaled(10, 2, 3).title
        'LIF alone, T,B,N = 10,2,3'
    """
    return _neuron(f"{steps}x{batch}x{out}", steps, batch, out)


_CONV = "Conv2d(1,8,5)-MaxPool-LIF-Conv2d(8,16,5)-MaxPool-LIF-Linear-LIF, T=25, B=128, 28x28"
_RECURRENT = "Linear(700,256), recurrent LIF, Linear(256,20)-LIF, T=250, B=64"
_OURS = ("snn", "snn-last", "snn-steps", "torch")
_DEEP = ("snn", "snn-tuned", "snn-last", "snn-chunked", "torch", "snntorch")
WORKLOADS = {
    workload.name: workload
    for workload in [
        _neuron("W1a", 100, 64, 512, infer=True),
        _neuron("W1b", 500, 16, 512, memory=False),
        _neuron("W1c", 1000, 8, 1024, memory=False),
        _neuron("W1d", 25, 128, 4096, memory=False),
        _neuron("W1a-learned", 100, 64, 512, "learnable", memory=False),
        _neuron("W1a-synaptic", 100, 64, 512, "synaptic", memory=False),
        _neuron("W1a-alpha", 100, 64, 512, "alpha", memory=False),
        _neuron("W1a-delta", 100, 64, 512, "delta", memory=False, peers=_OURS),
        _neuron("W1a-own", 100, 64, 512, "own", peers=_OURS),
        _neuron("W1a-exponential", 100, 64, 512, "exponential", memory=False, peers=_OURS),
        _neuron("W1a-slstm", 100, 64, 512, "slstm", memory=False, peers=_OURS),
        Workload("W2", "Linear(512,512)-LIF, T=500, B=16", "linear", 500, 16, (512,), 512, memory=False),
        Workload("W3", _CONV, "conv", 25, 128, (1, 28, 28), 10, beta=0.5),
        Workload("W4", _RECURRENT, "recurrent", 250, 64, (700,), 20, density=0.05),
        *(
            Workload(
                f"W5-{steps}",
                f"4 x [Linear(512,512)-LIF], T={steps}, B=16",
                "stack",
                steps,
                16,
                (512,),
                512,
                density=0.1,
                peers=_DEEP,
            )
            for steps in (500, 2000)
        ),
    ]
}
