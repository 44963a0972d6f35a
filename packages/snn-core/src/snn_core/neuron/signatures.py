"""Signatures of neurons' constructors, with the options of all their base classes.

An option is declared, with its default value, by the class that uses it; subclasses pass ``**options`` on. Type
checkers and editors read the names and types of these options from the classes below. At run time, :func:`takes` gives
a constructor a signature with all of them, and lets options be passed by position, in snnTorch's order.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter
from typing import Any, TypedDict, TypeVar, cast

from snn_core.neuron.constant import Constant, Learn
from snn_core.neuron.firing import SpikeGrad
from snn_core.neuron.resetting import ResetMechanism

ORDER = (
    "V all_to_all linear_features conv2d_channels kernel_size threshold spike_grad surrogate_disable init_hidden "
    "inhibition learn_alpha learn_beta learn_threshold learn_recurrent reset_mechanism state_quant output"
)
GRADED = "graded_spikes_factor learn_graded_spikes_factor"


class FiringOptions(TypedDict, total=False):
    """Options of every class that fires."""

    threshold: Constant
    spike_grad: SpikeGrad | None
    surrogate_disable: bool
    learn_threshold: bool
    graded_spikes_factor: Constant
    learn_graded_spikes_factor: bool


class SteppingOptions(FiringOptions, total=False):
    """Options of every class that runs step by step."""

    inhibition: bool
    reset_mechanism: ResetMechanism
    state_quant: Any
    reset_delay: bool


class NeuronOptions(SteppingOptions, total=False):
    """Options of every ``SpikingNeuron``."""

    init_hidden: bool
    output: bool


class LIFOptions(NeuronOptions, total=False):
    """Options of every ``LIF``."""

    learn_beta: Learn


class ConnectedOptions(LIFOptions, total=False):
    """Options of a ``LIF`` with recurrent connections."""

    V: Constant
    all_to_all: bool
    linear_features: int | None
    conv2d_channels: int | None
    kernel_size: int | tuple[int, int] | None
    learn_recurrent: bool
    max_delay: int | None
    delay: Constant | None
    learn_delay: bool
    delay_sigma: float


class ReadoutOptions(TypedDict, total=False):
    """Options of a leaky membrane that never fires."""

    learn_beta: Learn
    init_hidden: bool
    state_quant: Any


class SequenceOptions(FiringOptions, total=False):
    """Options of a leaky membrane over whole sequences."""

    learn_beta: Learn
    state_quant: Any
    output: bool


class AdaptingOptions(NeuronOptions, total=False):
    """Options of a neuron with an adaptation current."""

    learn_a: bool
    learn_b: bool


class AdLIFOptions(AdaptingOptions, LIFOptions, total=False):
    """Options of a ``LIF`` with an adaptation current."""


class RFOptions(NeuronOptions, total=False):
    """Options of every resonate-and-fire neuron."""

    learn_omega: bool
    learn_b: bool


# signatures spell out these names of types, so that a reader need not look them up
_EXPLICIT = {
    "Constant": "float | Tensor",
    "Learn": "bool | Literal['bounded']",
    "SpikeGrad": "Callable[[Tensor], Tensor]",
    "ResetMechanism": "Literal['subtract', 'zero', 'none']",
}
_MORE = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
_Init = TypeVar("_Init", bound=Callable[..., None])


def takes(*order: str, **defaults: Any) -> Callable[[_Init], _Init]:
    """Return a decorator that gives a constructor its full signature, and the error messages that go with it.

    The constructor is passed every argument by name. ``order`` lists, separated by spaces, the options that a caller
    may also pass by position, after the constructor's own positional arguments; names that it does not take are left
    out. Where there are any, it declares ``*args``, so that type checkers allow them. ``defaults`` are values of
    options that differ from those of the base classes.
    """
    return lambda init: cast("_Init", _Constructor(init, " ".join(order).split(), defaults))


@dataclass
class _Constructor:
    """A placeholder for a constructor until its class, and with it the arguments, are known."""

    init: Any
    order: list[str]
    defaults: dict[str, Any]

    def __set_name__(self, owner: type, name: str) -> None:
        types, code = typing.get_type_hints(self.init), self.init.__code__
        types |= typing.get_type_hints(*typing.get_args(types.pop("options")))
        parameters = {n: p for n, p in _parameters(owner, self.init).items() if n in types}
        parameters |= {n: parameters[n].replace(default=value) for n, value in self.defaults.items()}
        by_position = dict.fromkeys((*code.co_varnames[1 : code.co_argcount], *self.order))
        order = [n for n in by_position if n in parameters]
        constructor = _constructor(self.init, order, parameters, self.defaults)
        constructor.__annotations__ = {**{n: types[n] for n in parameters}, "return": type(None)}
        constructor.__signature__ = inspect.Signature(  # pyrefly: ignore[missing-attribute]
            [
                Parameter("self", Parameter.POSITIONAL_OR_KEYWORD),
                *(parameters[n].replace(kind=Parameter.POSITIONAL_OR_KEYWORD) for n in order),
                *(p.replace(kind=Parameter.KEYWORD_ONLY) for n, p in parameters.items() if n not in order),
            ],
            return_annotation="None",
        )
        setattr(owner, name, constructor)


def _parameters(owner: type, init: Callable[..., None]) -> dict[str, Parameter]:
    """Return the parameters of a class's constructor, beginning with those of the base classes."""
    parameters: dict[str, Parameter] = {}
    for constructor in (init, *(vars(c)["__init__"] for c in owner.__mro__[1:] if "__init__" in vars(c))):
        _, *own = inspect.signature(constructor).parameters.values()
        parameters = {p.name: _explicit(p) for p in own if p.kind not in _MORE} | parameters
        if all(p.kind is not Parameter.VAR_KEYWORD for p in own):
            break
    return parameters


def _explicit(parameter: Parameter) -> Parameter:
    written = re.sub(r"\w+", lambda name: _EXPLICIT.get(name[0], name[0]), str(parameter.annotation))
    return parameter.replace(annotation=written)


def _constructor(
    init: Callable[..., None], order: list[str], parameters: dict[str, Parameter], defaults: dict[str, Any]
) -> Callable[..., None]:
    @functools.wraps(init)
    def constructor(self: Any, /, *args: Any, **options: Any) -> None:
        problem = _misuse(order, parameters, args, options)
        if problem:
            raise TypeError(f"{init.__qualname__}() {problem}")
        options.update(zip(order, args, strict=False))
        init(self, **(defaults | options))

    return constructor


def _misuse(order: list[str], parameters: dict[str, Parameter], args: tuple[Any, ...], options: dict[str, Any]) -> str:
    """Return an error message, in Python's words, for arguments that do not fit, or an empty string."""
    if len(args) > len(order):
        return f"takes at most {len(order)} arguments by position but {len(args)} were given"
    for name in options:
        if name in order[: len(args)]:
            return f"got multiple values for argument {name!r}"
        if name not in parameters:
            close = difflib.get_close_matches(name, parameters, 1, cutoff=0.75)
            return f"got an unexpected keyword argument {name!r}" + "".join(f". Did you mean {n!r}?" for n in close)
    missing = [n for n in order[len(args) :] if parameters[n].default is Parameter.empty and n not in options]
    plural = "" if len(missing) == 1 else "s"
    return f"missing {len(missing)} required argument{plural}: {' and '.join(map(repr, missing))}" if missing else ""
