"""Runs around a net: monitors, and training over an epoch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bench.functions.case import BATCH, CLASSES, STEPS, Call, Case, Draw

_WATCHED = 20  # steps, less than elsewhere, as nets take longer than functions
_TIMES = 3  # a record takes microseconds, the layer milliseconds
_RUN = f"{_WATCHED} steps of {BATCH} samples through a layer {CLASSES} x {CLASSES}"


def _layer(draw: Draw) -> Any:
    layer = nn.Linear(CLASSES, CLASSES)
    layer.weight.data = (draw.uniform(CLASSES, CLASSES) - 0.5) / 10
    layer.bias.data.zero_()
    return layer


def _monitored(name: str, *first: Any, function: Callable[[Any], Any] | None = None) -> Callable[[Any, Draw], Call]:
    """Return a run with a monitor; without a function, its records are those that each library makes by default."""
    more = () if function is None else (function,)

    def make(library: Any, draw: Draw) -> Call:
        net = nn.Sequential(_layer(draw))
        xs = [draw.spikes(BATCH, CLASSES).requires_grad_("Grad" in name) for _ in range(_WATCHED)]
        kind = getattr(library.probe, name)

        def run() -> Tensor:
            monitor = kind(*first, net, nn.Linear, *more)
            sums = [net(x).sum() for x in xs]
            if "Grad" in name:
                torch.stack(sums).sum().backward()
            monitor.remove_hooks()
            return monitor.records[-1]

        return Call(run)

    return make


def _trained(name: str, peers_name: str, **options: Any) -> Callable[[Any, Draw], Call]:
    """Return an epoch of one batch, from the same weights in each call; the peer's name implies the ``options``."""

    def make(library: Any, draw: Draw) -> Call:
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

        return Call(run)

    return make


_MONITORS: dict[str, tuple[Any, ...]] = {
    "OutputMonitor": (),
    "InputMonitor": (),
    "AttributeMonitor": ("bias", False),
    "GradInputMonitor": (),
    "GradOutputMonitor": (),
}
_RECORDS = {", detached": torch.Tensor.detach, ", copied": torch.clone}
_COPIES = "by default a record is a copy here, while snnTorch's record changes if the tensor is overwritten later"
_REFUSED = (
    "by default a record is the tensor itself; once the tensor is overwritten, the record is refused here and wrong in "
    "snnTorch"
)
_NOTES = {"OutputMonitor": _REFUSED, "InputMonitor": _REFUSED}
_EPOCH = f"one batch of {BATCH} samples, {STEPS} steps, {CLASSES} x {CLASSES} weights and neurons"
CASES = [
    *[
        Case(f"{name}{suffix}", "monitors", _RUN, _monitored(name, *first, function=function), times=_TIMES)
        for suffix, function in _RECORDS.items()
        for name, first in _MONITORS.items()
    ],
    *[
        Case(name, "monitors", _RUN, _monitored(name, *first), note=_NOTES.get(name, _COPIES), times=_TIMES)
        for name, first in _MONITORS.items()
    ],
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
