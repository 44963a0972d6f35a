"""The functions that snnTorch has too, each with its arguments; one case serves both libraries."""

from __future__ import annotations

import copy
import importlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

STEPS, BATCH, CLASSES = 100, 128, 1000
PARTS = (
    "functional",
    "functional.quant",
    "functional.probe",
    "functional.stdp_learner",
    "backprop",
    "spikegen",
    "utils",
)
LIBRARIES = {
    "snn": ("snn-functional", "snn-spikegen", "snn-data", "snn-core", "torch"),
    "snntorch": ("snntorch", "torch"),
}
"""Ours and the peer, with the distributions whose versions are recorded."""


def imported(library: str) -> SimpleNamespace:
    """Import the modules of a library, by the peer's names; ``neurons`` has its neurons.

    Example:
        >>> imported("snn").spikegen.__name__
        'snn_spikegen'
    """
    ours = {"backprop": "snn_functional.backprop", "utils": "snn_data"}
    names = {part: ours.get(part, f"snn_{part}") if library == "snn" else f"snntorch.{part}" for part in PARTS}
    names["neurons"] = "snn_core" if library == "snn" else library
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the peer announces the end of a module on its import
        modules = {part.rpartition(".")[2]: importlib.import_module(name) for part, name in names.items()}
    return SimpleNamespace(**modules)


class Draw:
    """Arrays that are the same in every process.

    Example:
        >>> torch.equal(Draw().uniform(3), Draw().uniform(3))
        True
    """

    def __init__(self) -> None:
        self._generator = np.random.default_rng(0)

    def uniform(self, *shape: int) -> Tensor:
        """Draw numbers from 0 to 1, float32."""
        return torch.from_numpy(self._generator.random(shape, dtype=np.float32))

    def spikes(self, *shape: int, rate: float = 0.1) -> Tensor:
        """Draw ones at a rate, zeros elsewhere, float32."""
        return (self.uniform(*shape) < rate).float()

    def images(self, number: int, side: int) -> Tensor:
        """Draw square images, uint8."""
        return torch.from_numpy(self._generator.integers(0, 256, (number, side, side), dtype=np.uint8))

    def labels(self, number: int = BATCH, classes: int = CLASSES) -> Tensor:
        """Draw labels, int64."""
        return torch.from_numpy(self._generator.integers(0, classes, number))


Run = Callable[[], Any]
Make = Callable[[Any, Draw], tuple[Run, Sequence[Tensor]]]  # for a library: a call, and what gets a gradient in it


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    name: str  # name of the function, with words that tell two calls of it apart
    group: str  # title of its table
    given: str  # description of its arguments, for a reader
    make: Make
    least: float = 1.0  # the target: how many times as fast as the peer's it should be
    differs: str = ""  # why the two do not give the same numbers; empty if they do
    note: str = ""  # note below the table
    times: int = 1  # factor on the number of rounds: more if what differs is small compared with what both do


def _function(module: str, name: str, *arguments: Callable[[Draw], Any], learns: bool = False, **options: Any) -> Make:
    """Return a call of a function with arguments that are drawn; the first may get a gradient."""

    def make(library: Any, draw: Draw) -> tuple[Run, Sequence[Tensor]]:
        function, values = getattr(getattr(library, module), name), [argument(draw) for argument in arguments]
        return (lambda: function(*values, **options)), [values[0].requires_grad_()] if learns else []

    return make


def _learned(module: str, name: str, *arguments: Callable[[Draw], Any], **options: Any) -> Make:
    """Return a call, with a backward pass, of what a function returns."""

    def make(library: Any, draw: Draw) -> tuple[Run, Sequence[Tensor]]:
        function = getattr(getattr(library, module), name)(**options)
        first, *rest = [argument(draw) for argument in arguments]
        return (lambda: function(first, *rest)), [first.requires_grad_()]

    return make


def _spikes(draw: Draw) -> Tensor:
    return draw.spikes(STEPS, BATCH, CLASSES)


def _varying(draw: Draw) -> Tensor:
    return draw.uniform(STEPS, BATCH, CLASSES)


def _rows(draw: Draw) -> Tensor:
    return nn.functional.one_hot(draw.labels(), CLASSES).float()


def _data(draw: Draw) -> Tensor:
    data = draw.uniform(BATCH, CLASSES)
    data[:, 0] = 0  # so every sample has the same latest spike
    return data


_RECORDING = f"[{STEPS}, {BATCH}, {CLASSES}]"
_STATE = "snn has a level at 0"


def _loss(name: str, least: float = 1.0, recording: str = "spikes", **options: Any) -> Case:
    numbers = _spikes if recording == "spikes" else _varying
    make = _learned("functional", name, numbers, Draw.labels, **options)
    return Case(name, "losses", f"{recording} {_RECORDING}, labels", make, least)


def _accuracy(name: str) -> Case:
    make = _function("functional", name, _spikes, Draw.labels)
    return Case(name, "accuracy", f"spikes {_RECORDING}, labels", make)


def _quantized(name: str, description: str, bits: int, *shape: int) -> Case:
    make = _learned("quant", "state_quant", lambda draw: draw.uniform(*shape), num_bits=bits)
    return Case(name, "quantization", f"{description}, {bits} bits", make, differs=_STATE)


def _rounded(library: Any, draw: Draw) -> tuple[Run, Sequence[Tensor]]:
    mem, levels = draw.uniform(BATCH, CLASSES).requires_grad_(), draw.uniform(16).sort().values
    return (lambda: library.quant.StateQuant.apply(mem, levels)), [mem]


_LOSSES = [
    _loss("ce_rate_loss"),
    _loss("ce_count_loss"),
    _loss("mse_count_loss", correct_rate=0.8, incorrect_rate=0.2),
    _loss("ce_max_membrane_loss", recording="membranes"),
    _loss("mse_membrane_loss", recording="membranes"),
    _loss("mse_temporal_loss", 20.0, off_target=STEPS - 1),
    _loss("ce_temporal_loss", 20.0),
    _accuracy("accuracy_rate"),
    _accuracy("accuracy_temporal"),
    Case("l1_rate_sparsity", "losses", f"spikes {_RECORDING}", _learned("functional", "l1_rate_sparsity", _spikes)),
    _quantized("state_quant", f"a state [{BATCH}, {CLASSES}]", 8, BATCH, CLASSES),
    _quantized("state_quant, a sequence", f"states {_RECORDING}", 2, STEPS, BATCH, CLASSES),
    Case("StateQuant", "quantization", f"a state [{BATCH}, {CLASSES}], 16 levels", _rounded),
]

_DATA, _LABELS = f"data [{BATCH}, {CLASSES}]", f"{BATCH} labels of {CLASSES} classes"
_FEW = f"one label of {STEPS} classes"  # the peer takes as many classes as there are steps
_AXES = "snnTorch's has two more axes"
_SHORT = "a call takes a few microseconds; checking the arguments takes half a microsecond of that"
_DRAWN = "drawn at random"
_RATES = {"num_steps": STEPS, "correct_rate": 0.8, "incorrect_rate": 0.2}
_TIMED = {"num_steps": STEPS, "normalize": True, "linear": True}


def _code(
    name: str,
    description: str,
    *first: Callable[[Draw], Any],
    suffix: str = "",
    differs: str = "",
    note: str = "",
    **options: Any,
) -> Case:
    make = _function("spikegen", name, *first, **options)
    return Case(name + suffix, "encoders and targets", description, make, differs=differs, note=note)


def _few(draw: Draw) -> Tensor:
    return draw.labels(1, STEPS)


def _times(draw: Draw) -> Tensor:
    return (draw.uniform(BATCH, CLASSES) * (STEPS - 1)).round()


_ENCODERS = [
    _code("rate", f"{_DATA}, {STEPS} steps", _data, num_steps=STEPS, differs=_DRAWN),
    _code("rate_conv", f"data {_RECORDING}", _varying, differs=_DRAWN),
    _code("latency", f"{_DATA}, {STEPS} steps, linear", _data, **_TIMED),
    _code("latency", f"{_DATA}, {STEPS} steps", _data, suffix=", logarithmic", num_steps=STEPS, tau=5, threshold=0.01),
    _code("latency_code", _DATA, _data, **_TIMED),
    _code("latency_code_linear", _DATA, _data, num_steps=STEPS, normalize=True),
    _code("latency_code_log", _DATA, _data, num_steps=STEPS, normalize=True),
    _code("latency_interpolate", f"times [{BATCH}, {CLASSES}], {STEPS} steps", _times, num_steps=STEPS),
    _code("delta", f"data {_RECORDING}", _varying, threshold=0.5, off_spike=True),
    _code("targets_convert", f"{_LABELS}, {STEPS} steps", Draw.labels, num_classes=CLASSES, **_RATES),
    _code("targets_rate", f"{_LABELS}, {STEPS} steps", Draw.labels, num_classes=CLASSES, **_RATES),
    *[
        _code(name, f"{_FEW}, {STEPS} steps", _few, suffix=", one label", differs=_AXES, num_classes=STEPS, **_RATES)
        for name in ("targets_convert", "targets_rate")
    ],
    _code("targets_rate", f"{_LABELS}, no steps", Draw.labels, suffix=", at full rate", num_classes=CLASSES),
    _code("targets_latency", f"{_LABELS}, {STEPS} steps", Draw.labels, num_classes=CLASSES, **_TIMED),
    _code("target_rate_code", f"{STEPS} steps", num_steps=STEPS, rate=0.3, note=_SHORT),
    _code(
        "rate_interpolate",
        f"{STEPS // 4} times, {STEPS} steps",
        lambda draw: torch.arange(0.0, STEPS, 4),
        num_steps=STEPS,
    ),
    _code("to_one_hot", _LABELS, Draw.labels, num_classes=CLASSES),
    _code("to_one_hot_inverse", f"rows [{BATCH}, {CLASSES}]", _rows),
    _code("from_one_hot", f"rows [{BATCH}, {CLASSES}]", _rows, differs="snnTorch numbers the rows"),
]

_WATCHED = 20  # steps, less than elsewhere, as nets take longer than functions
_RUN = f"{_WATCHED} steps of {BATCH} samples through a layer {CLASSES} x {CLASSES}"
_MONITORS: dict[str, tuple[Any, ...]] = {
    "OutputMonitor": (),
    "InputMonitor": (),
    "AttributeMonitor": ("bias", False),
    "GradInputMonitor": (),
    "GradOutputMonitor": (),
}
_COPIES = "by default a record is a copy here, while snnTorch's record changes if the tensor is overwritten later"
_REFUSED = (
    "by default a record is the tensor itself; once the tensor is overwritten, the record is refused here and wrong in "
    "snnTorch"
)
_NOTES = {"OutputMonitor": _REFUSED, "InputMonitor": _REFUSED}
_EPOCH = f"one batch of {BATCH} samples, {STEPS} steps, {CLASSES} x {CLASSES} weights and neurons"


def _layer(draw: Draw) -> Any:
    layer = nn.Linear(CLASSES, CLASSES)
    layer.weight.data = (draw.uniform(CLASSES, CLASSES) - 0.5) / 10
    layer.bias.data.zero_()
    return layer


def _monitored(name: str, suffix: str = "", *function: Callable[[Any], Any]) -> Case:
    """Return a run with a monitor; without a function, its records are those that each library makes by default."""

    def make(library: Any, draw: Draw) -> tuple[Run, Sequence[Tensor]]:
        net = nn.Sequential(_layer(draw))
        xs = [draw.spikes(BATCH, CLASSES).requires_grad_("Grad" in name) for _ in range(_WATCHED)]

        def run() -> Tensor:
            monitor = getattr(library.probe, name)(*_MONITORS[name], net, nn.Linear, *function)
            sums = [net(x).sum() for x in xs]
            if "Grad" in name:
                torch.stack(sums).sum().backward()
            monitor.remove_hooks()
            return monitor.records[-1]

        return run, []

    # a record takes microseconds, the layer milliseconds
    note = "" if function else _NOTES.get(name, _COPIES)
    return Case(f"{name}{suffix}", "monitors", _RUN, make, note=note, times=3)


def _trained(name: str, peers_name: str, **options: Any) -> Make:
    """Return an epoch of one batch, from the same weights in each call; the peer's name implies the ``options``."""

    def make(library: Any, draw: Draw) -> tuple[Run, Sequence[Tensor]]:
        is_ours = hasattr(library.functional, "backprop")
        train = getattr(library.backprop, name if is_ours else peers_name)
        keywords = options if is_ours or name == peers_name else {}
        net = nn.Sequential(_layer(draw), library.neurons.Leaky(beta=0.9, init_hidden=True, output=True))
        start = copy.deepcopy(net.state_dict())
        loader = [(draw.uniform(BATCH, CLASSES), draw.labels())]
        criterion = library.functional.ce_rate_loss()

        def run() -> Tensor:
            net.load_state_dict(start)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
            return train(net, loader, optimizer, criterion, num_steps=STEPS, time_var=False, **keywords).detach()

        return run, []

    return make


_NETS = [
    *(_monitored(name, ", detached", Tensor.detach) for name in _MONITORS),
    *(_monitored(name, ", copied", torch.clone) for name in _MONITORS),
    *map(_monitored, _MONITORS),
    Case("BPTT", "training", _EPOCH, _trained("BPTT", "BPTT")),
    Case("TBPTT", "training", f"{_EPOCH}, an update every 10", _trained("TBPTT", "TBPTT", K=10)),
    Case(
        "TBPTT, K=1",
        "training",
        f"{_EPOCH}, an update every step",
        _trained("TBPTT", "RTRL", K=1),
        note="this is what snnTorch's RTRL computes; snn's RTRL carries the exact gradient of the past along",
    ),
]

_TAUS = (2.0, 3.0)
_RECORDED = 5  # steps; the peer takes a second for each
_WEIGHTS = f"{CLASSES} x {CLASSES} weights"


class _Step(nn.Module):
    """Neurons without a state, which the two libraries have in common."""

    def forward(self, x: Tensor) -> Tensor:
        return (x > 0).to(x.dtype)


def _weighted(layer: Any, draw: Draw) -> Any:
    layer.weight.data = draw.uniform(*layer.weight.shape) - 0.5
    return layer


def _rule(name: str, description: str, layer: Callable[[], nn.Module], before: tuple[int, ...], *taus: float) -> Case:
    def make(library: Any, draw: Draw) -> tuple[Run, Sequence[Tensor]]:
        result = _weighted(layer(), draw)
        spk_in = draw.spikes(*before)
        spk_out = draw.spikes(*result(spk_in).shape)
        rule = getattr(library.stdp_learner, name)
        return (lambda: rule(result, spk_in, spk_out, None, None, *_TAUS, *taus)), []

    return Case(name, "plasticity", description, make)


def _learner(library: Any, draw: Draw) -> tuple[Run, Sequence[Tensor]]:
    net = nn.Sequential(_weighted(nn.Linear(CLASSES, CLASSES, bias=False), draw), _Step())
    learner = library.stdp_learner.STDPLearner(net[0], net[1], *_TAUS)
    xs = draw.spikes(_RECORDED, BATCH, CLASSES)

    @torch.no_grad()
    def run() -> Tensor:
        for x in xs:
            net(x)
        return learner.step(on_grad=False)

    return run, []


def _dense() -> nn.Module:
    return nn.Linear(CLASSES, CLASSES)


_OF = f"a step of {BATCH} samples"
_RULES = [
    _rule("stdp_linear_single_step", f"{_OF}, {_WEIGHTS}", _dense, (BATCH, CLASSES)),
    _rule(
        "stdp_conv1d_single_step",
        f"{_OF} [10, 100], 10 x 10 x 3 weights",
        lambda: nn.Conv1d(10, 10, 3),
        (BATCH, 10, 100),
    ),
    _rule(
        "stdp_conv2d_single_step",
        f"{_OF} [10, 10, 10], 10 x 10 x 3 x 3 weights",
        lambda: nn.Conv2d(10, 10, 3),
        (BATCH, 10, 10, 10),
    ),
    _rule("mstdp_linear_single_step", f"{_OF}, {_WEIGHTS}", _dense, (BATCH, CLASSES)),
    _rule("mstdpet_linear_single_step", f"a step of one sample, {_WEIGHTS}", _dense, (CLASSES,), 10.0),
    Case("STDPLearner", "plasticity", f"{_RECORDED} steps of {BATCH} samples, {_WEIGHTS}", _learner),
]


class _DataSet:
    """A data set with the fields that a split reads."""

    def __init__(self, data: Tensor, targets: Tensor) -> None:
        self.data, self.targets = data, targets

    def __len__(self) -> int:
        return len(self.data)


def _split(name: str, what: str, result: Callable[[Callable[..., Any], Callable[[], _DataSet]], Any]) -> Case:
    samples, pixels = 60_000, 28  # as many and as large as those of MNIST

    def make(library: Any, draw: Draw) -> tuple[Run, Sequence[Tensor]]:
        data, targets = draw.images(samples, pixels), draw.labels(samples, 10)
        return (lambda: result(getattr(library.utils, name), lambda: _DataSet(data, targets))), []

    return Case(name, "data sets", f"{samples} images of {pixels} x {pixels} bytes, {what}", make, 20.0)


_SPLITS = [
    _split("data_subset", "a tenth of them", lambda subset, fresh: subset(fresh(), 10, 3).data),
    _split(
        "valid_split",
        "a tenth for validation",
        lambda split, fresh: [part.data for part in split(fresh(), fresh(), 0.1)],
    ),
]
CASES = {case.name: case for cases in (_LOSSES, _ENCODERS, _NETS, _RULES, _SPLITS) for case in cases}
"""By name, in the order of the table."""
