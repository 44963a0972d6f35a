"""The recorded calls of a net in one step, and the values between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils._pytree import tree_leaves

from snn_core.effects import RandomStates, copied
from snn_core.graph import Place, Record, Step, value_of
from snn_core.neuron import Temporal
from snn_core.sequence import changes_or_draws, record_of
from snn_core.utils import reset
from snn_export.c.routine import Refusal
from snn_export.step import called_for_a_step

__all__ = ["Calls", "calls_of"]

_SAMPLES = 2, 3  # two batch sizes, which reveal a number that depends on the batch
_SAME = "a net in C calls the same layers in every step, for one sample"


@dataclass(frozen=True)
class Calls:
    """The calls of a net in one step.

    Args:
        net: The copy of the net that was run, without parametrizations.
        steps: The calls, in order.
        values: The results for some samples, by number; 0 is the input.
        outputs: The numbers of the net's outputs, in order.
    """

    net: nn.Module
    steps: tuple[Step, ...]
    values: list[Tensor]
    outputs: list[int]

    def shape(self, number: int) -> tuple[int, ...]:
        """Return the shape of a value for one sample."""
        return tuple(self.values[number].shape[1:])

    def constant(self, value: Any) -> Tensor:
        """Return a tensor that is the same in every step."""
        return value_of(dict(enumerate(self.values)), self.net, value).detach()

    def readers(self, number: int) -> int:
        """Return the number of calls that read a value, plus the number of times that the net returns it."""
        reads = [v.number for s in self.steps for v in tree_leaves((s.args, dict(s.kwargs))) if isinstance(v, Place)]
        return reads.count(number) + self.outputs.count(number)


def calls_of(net: nn.Module, x: Tensor) -> Calls:
    """Record two steps of a copy of a net."""
    for path, module in net.named_modules():
        if module.training and changes_or_draws(module):
            raise Refusal(f"{path!r} ({type(module).__name__}) is in training mode; call net.eval()")
    try:
        twin = copied(net).cpu()
    except ValueError as why:
        raise Refusal(f"the net cannot be copied: {why}") from None
    for module in twin.modules():
        if parametrize.is_parametrized(module) and not isinstance(module, Temporal):  # its program includes it
            _settle(module)
    records = [_record(twin, x.detach().cpu(), samples) for samples in _SAMPLES]
    if records[0].key() != records[1].key():
        raise Refusal(f"forward computes with the batch size; {_SAME}")
    record = records[0]
    places = [place.number for place in tree_leaves(record.outputs)]
    return Calls(twin, tuple(record.steps), record.values, places)


def _settle(module: Any) -> None:
    """Replace the parametrizations of a module with parameters of their values; the shared class is left alone."""
    values = {name: getattr(module, name).detach().clone() for name in module.parametrizations}
    module.__class__ = parametrize.type_before_parametrizations(module)
    del module._modules["parametrizations"]
    for name, value in values.items():
        module.register_parameter(name, nn.Parameter(value))


def _record(net: nn.Module, x: Tensor, samples: int) -> Record:
    """Return the record of a net's first step from rest."""
    reset(net)
    xs = x[:1].expand(2, samples, *x.shape[1:]).clone()
    with RandomStates(), torch.no_grad():
        try:
            plan, reason, record = record_of(net, xs)
        except Exception as error:  # a net may raise anything
            reset(net)
            called_for_a_step(net, [x])  # which says so if it does not take the input either
            raise Refusal(f"forward fails for {samples} samples: {error}; {_SAME}") from error
    if plan is None:
        raise Refusal(f"{reason}; {_SAME}")
    return record
