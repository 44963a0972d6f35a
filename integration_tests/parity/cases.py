"""The stepping neurons as data: how each is built in either package, and the options that both have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

Arguments = Mapping[str, Any]


class Rounding:
    """A state quantizer for the tests: multiples of 1/4, gradient straight through.

    It remembers how close a state came to the border between two levels.
    """

    def __init__(self) -> None:
        self.margin = float("inf")

    def __call__(self, state: Tensor) -> Tensor:
        scaled = 4 * state.detach()
        self.margin = min(self.margin, float(((scaled - scaled.floor()) - 0.5).abs().min()))
        return state + (torch.round(scaled) / 4 - state).detach()


@dataclass(frozen=True)
class Kind:
    """A neuron with its shapes and constants.

    ``arguments()`` makes fresh constants at every call: the peer's parameters share memory with what they are given.
    """

    name: str
    neuron: str
    arguments: Callable[[], Arguments]
    options: tuple[str, ...]
    learn: tuple[str, ...] = ("learn_threshold",)
    shape: tuple[int, ...] = (3, 5)
    state_shape: tuple[int, ...] | None = None
    states: int = 1
    drive: float = 1.0  # largest input; below it every neuron fires, and not in every step
    quiet: float | None = None  # largest input under which no membrane stays above the threshold after its reset
    num_steps: int = 12

    def __str__(self) -> str:
        return self.name

    @property
    def stated(self) -> tuple[int, ...]:
        return self.state_shape or self.shape


@dataclass(frozen=True)
class Case:
    """One kind of neuron with one choice of options."""

    kind: Kind
    options: tuple[tuple[str, Any], ...]

    def __str__(self) -> str:
        chosen = (f"{key}={getattr(value, '__name__', value)}" for key, value in self.options)
        return ", ".join([self.kind.name, *chosen])

    def get(self, option: str) -> Any:
        return dict(self.options).get(option, DEFAULTS[option])

    def build(self, package: Any, **more: Any) -> nn.Module:
        """The neuron out of ``package``, every constant learnable that the peer lets learn."""
        chosen = {key: value() if value is Rounding else value for key, value in self.options}
        arguments = {**self.kind.arguments(), **dict.fromkeys(self.kind.learn, True), **chosen}
        return getattr(package, self.kind.neuron)(**{**arguments, **more})


def spread(low: float, high: float, *shape: int) -> Tensor:
    """Distinct constants between ``low`` and ``high``, the same at every call."""
    generator = torch.Generator().manual_seed(len(shape) + round(1000 * high))
    return low + (high - low) * torch.rand(shape, generator=generator)


def _thresholds(*shape: int) -> Tensor:
    return spread(0.85, 1.15, *shape)


def _leaky(*shape: int, **more: Any) -> Callable[[], Arguments]:
    return lambda: {"beta": spread(0.5, 0.9, *shape), "threshold": _thresholds(*shape), **_fresh(more)}


def _synaptic(*shape: int, **more: Any) -> Callable[[], Arguments]:
    return lambda: {"alpha": spread(0.3, 0.8, *shape), **_leaky(*shape, **more)()}


def _fresh(arguments: Arguments) -> Arguments:
    return {key: value.clone() if isinstance(value, Tensor) else value for key, value in arguments.items()}


_PLAIN = ("reset_mechanism", "inhibition", "state_quant")
_DELAYED = (*_PLAIN, "reset_delay")
_GRADED = (*_DELAYED, "graded_spikes_factor")
_SEPARATE = (
    "reset_mechanism",
    "state_quant",
    "reset_delay",
    "graded_spikes_factor",
)  # no competition: equal neurons tie
_LIF = ("learn_beta", "learn_threshold")
_SYN = ("learn_alpha", *_LIF)
_ALONE = ("reset_mechanism", "state_quant")
_IMAGE = (2, 2, 3, 4)
_CHANNELS = (2, 1, 1)

KINDS = [
    Kind("Leaky", "Leaky", _leaky(5), _GRADED, _LIF, quiet=0.8),
    Kind("Leaky, learned grade", "Leaky", _leaky(5), _SEPARATE, (*_LIF, "learn_graded_spikes_factor"), quiet=0.8),
    Kind("Leaky, one beta", "Leaky", lambda: {"beta": 0.8, "threshold": 0.9}, _SEPARATE, _LIF, quiet=0.8),
    Kind("Leaky, channels", "Leaky", _leaky(*_CHANNELS), _GRADED, _LIF, _IMAGE, quiet=0.8, num_steps=8),
    Kind(
        "Leaky, decays outside [0, 1]",
        "Leaky",
        lambda: {"beta": torch.tensor([-0.3, 0.04, 0.6, 0.98, 1.4]), "threshold": _thresholds(5)},
        _SEPARATE,
        _LIF,
        quiet=0.8,
    ),
    Kind(
        "RSynaptic, decays outside [0, 1]",
        "RSynaptic",
        lambda: {
            "alpha": torch.tensor([0.4, -0.2, 1.2, 0.04, 0.7]),
            "beta": torch.tensor([-0.3, 0.98, 0.6, 1.4, 0.04]),
            "linear_features": 5,
            "threshold": _thresholds(5),
        },
        ("reset_mechanism", "state_quant"),
        _SYN,
        states=3,
        drive=0.8,
    ),
    Kind("RLeaky, linear", "RLeaky", _leaky(5, linear_features=5), _DELAYED, _LIF, states=2, quiet=0.4),
    Kind(
        "RLeaky, conv",
        "RLeaky",
        _leaky(*_CHANNELS, conv2d_channels=2, kernel_size=(3, 5)),
        _DELAYED,
        _LIF,
        _IMAGE,
        states=2,
        quiet=0.4,
        num_steps=8,
    ),
    Kind(
        "RLeaky, one to one",
        "RLeaky",
        _leaky(5, V=spread(-0.5, 0.5, 5), all_to_all=False),
        _DELAYED,
        _LIF,
        states=2,
        quiet=0.3,
    ),
    Kind(
        "RLeaky, frozen",
        "RLeaky",
        _leaky(5, V=0.3, all_to_all=False, learn_recurrent=False),
        _DELAYED,
        _LIF,
        states=2,
        quiet=0.3,
    ),
    Kind("Synaptic", "Synaptic", _synaptic(5), _DELAYED, _SYN, states=2, drive=0.8, quiet=0.3),
    Kind("Synaptic, channels", "Synaptic", _synaptic(*_CHANNELS), _DELAYED, _SYN, _IMAGE, None, 2, 0.8, 0.3, 8),
    Kind("RSynaptic, linear", "RSynaptic", _synaptic(5, linear_features=5), _DELAYED, _SYN, states=3, drive=0.8),
    Kind(
        "RSynaptic, conv",
        "RSynaptic",
        _synaptic(*_CHANNELS, conv2d_channels=2, kernel_size=3),
        _DELAYED,
        _SYN,
        _IMAGE,
        states=3,
        drive=0.8,
        num_steps=8,
    ),
    Kind(
        "RSynaptic, one to one",
        "RSynaptic",
        _synaptic(5, V=spread(-0.4, 0.4, 5), all_to_all=False),
        _DELAYED,
        _SYN,
        states=3,
        drive=0.8,
    ),
    Kind("Lapicque, beta", "Lapicque", lambda: {"beta": 0.8, "threshold": _thresholds(5)}, _PLAIN, drive=3.0),
    Kind(
        "Lapicque, beta and R",
        "Lapicque",
        lambda: {"beta": 0.8, "R": 2.0, "time_step": 0.5, "threshold": 0.9},
        _ALONE,
        drive=2.0,
    ),
    Kind(
        "Lapicque, beta and C",
        "Lapicque",
        lambda: {"beta": 0.7, "C": 2.0, "time_step": 0.5, "threshold": 0.9},
        _ALONE,
        drive=3.0,
    ),
    Kind("Lapicque, R and C", "Lapicque", lambda: {"R": 4.0, "C": 1.5, "threshold": 0.9}, _ALONE, drive=1.5),
    Kind(
        "Alpha",
        "Alpha",
        lambda: {"alpha": spread(0.8, 0.95, 5), "beta": spread(0.5, 0.7, 5), "threshold": _thresholds(5)},
        _PLAIN,
        _LIF,
        states=3,
        drive=0.8,
    ),
    Kind("SLSTM", "SLSTM", lambda: {"input_size": 5, "hidden_size": 5, "threshold": 0.1}, _ALONE, states=2, drive=3.0),
    Kind(
        "SLSTM, no bias",
        "SLSTM",
        lambda: {"input_size": 5, "hidden_size": 5, "bias": False, "threshold": 0.1},
        _ALONE,
        states=2,
        drive=3.0,
    ),
    *(
        Kind(
            f"SConv2dLSTM{title}",
            "SConv2dLSTM",
            lambda more=more: {"in_channels": 3, "out_channels": 2, "kernel_size": 3, "threshold": 0.1, **more},
            _ALONE,
            shape=(2, 3, 4, 5),
            state_shape=(2, 2, 4, 5),
            states=2,
            drive=2.0,
            num_steps=5,
        )
        for title, more in {
            "": {},
            ", max pool": {"max_pool": 2},
            ", average pool": {"avg_pool": 2},
            ", oblong kernel": {"kernel_size": (3, 5), "bias": False},
        }.items()
    ),
    Kind(
        "DeltaLeaky",
        "DeltaLeaky",
        lambda: {"delta_threshold": 0.4, "beta": spread(0.5, 0.9, 5)},
        ("inhibition", "state_quant", "graded_spikes_factor"),
        ("learn_beta",),
        states=2,
    ),
]

DEFAULTS = {
    "reset_mechanism": "subtract",
    "reset_delay": True,
    "inhibition": False,
    "state_quant": False,
    "graded_spikes_factor": 1.0,
}
AXES: dict[str, tuple[Any, ...]] = {
    "reset_mechanism": ("subtract", "zero", "none"),
    "reset_delay": (True, False),
    "inhibition": (False, True),
    "state_quant": (False, Rounding),
    "graded_spikes_factor": (1.0, 0.5),
}


def grid(kind: Kind) -> Iterator[Case]:
    """Every combination of the options that the peer's class has."""
    for values in product(*(AXES[name] for name in kind.options)):
        yield Case(kind, tuple(zip(kind.options, values, strict=True)))


CASES = [case for kind in KINDS for case in grid(kind)]
