"""Functions that draw random numbers, and the calls that draw the numbers of all steps in the order of the loop."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from snn_core.effects.reads import is_random, name_of
from snn_core.graph.node import Node, tensors_in
from snn_core.graph.rules import is_known
from snn_core.graph.steps import Function, Pass

MASKS = frozenset({F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, torch.dropout, torch.feature_dropout})
"""Functions that multiply their input by numbers that depend on its form alone."""

_FILLS = "bernoulli_ uniform_ normal_ exponential_ geometric_ log_normal_ cauchy_ random_"
_FREE = "rand_like randn_like randint_like " + _FILLS
# as many numbers are drawn as the form of the arguments says, whatever their values
_BY_FORM = "bernoulli normal alpha_dropout feature_alpha_dropout scaled_dot_product_attention gumbel_softmax"
_BY_FORM += " multi_head_attention_forward lstm gru rnn_tanh rnn_relu fractional_max_pool2d fractional_max_pool3d"
_BY_FORM += " fractional_max_pool2d_with_indices fractional_max_pool3d_with_indices"
FREE, BY_FORM = frozenset(_FREE.split()), frozenset(_BY_FORM.split())


ELEMENTWISE = frozenset([*_FREE.split(), "bernoulli", "poisson", "normal", "rrelu", "alpha_dropout", "gumbel_softmax"])
"""Functions whose result has the form of their input."""


@functools.cache
def may_draw(func: Any) -> bool:
    """Return True for a function that may draw random numbers."""
    return func in MASKS or name_of(func) in BY_FORM or is_random(func) or not is_known(func)


def is_free(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Return True if the result of a random function depends on the form of its arguments, and not on their values."""
    numbers = (*args[1:], *kwargs.values())
    return name_of(func) in FREE and not any(isinstance(value, Tensor) for value in numbers)


def draws_by_form(func: Any) -> bool:
    """Return True if a random function draws equally many numbers for all values of its arguments."""
    return name_of(func) in BY_FORM


def generator_states(tensors: list[Tensor]) -> list[Tensor]:
    """Return the states of torch's generators on the CPU and on the devices of tensors."""
    devices = {torch.device("cpu"), *(tensor.device for tensor in tensors if tensor.device.type == "cuda")}
    return list(map(_state, devices))


def is_mask(call: Node) -> bool:
    """Return True for a call that multiplies its input by numbers that depend on its form alone."""
    return call.func in MASKS and bool(call.argument(1, "p", 0.5)) and bool(_is_training(call))


def mask_options(call: Node) -> tuple[Any, ...]:
    """Return the arguments behind the input of a call that :func:`is_mask` accepts."""
    return call.argument(1, "p", 0.5), True


def _is_training(call: Node) -> Any:
    return call.argument(2, "train" if "train" in call.kwargs else "training", True)


@dataclass(frozen=True)
class StateBefore:
    """A call that draws random numbers, made for the state of the generator before it."""

    call: Function

    def __call__(self, run: Pass, path: str, *args: Any, **kwargs: Any) -> Tensor:
        device = _device((args, kwargs))
        before = _state(device)
        with torch.no_grad():
            self.call(run, path, *args, **kwargs)
        return before


@dataclass(frozen=True)
class Replayed:
    """A call that draws random numbers from an earlier state of the generator, given first."""

    call: Function

    def __call__(self, run: Pass, path: str, state: Tensor, *args: Any, **kwargs: Any) -> Any:
        device = _device((args, kwargs))
        now = _state(device)
        _set_state(device, state)
        try:
            return self.call(run, path, *args, **kwargs)
        finally:
            _set_state(device, now)


def _device(values: Any) -> torch.device:
    return next((tensor.device for tensor in tensors_in(values)), torch.device("cpu"))


def _state(device: torch.device) -> Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _set_state(device: torch.device, state: Tensor) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)
