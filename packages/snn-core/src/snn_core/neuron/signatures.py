"""Explicit signatures of neurons' constructors, with the options of all their base classes.

An option is declared once, by the class that uses it. The strings below list the arguments that may be passed by
position, in snnTorch's order; all other arguments are passed by name.

Type checkers and editors read the stub beside this file, in which each of these names is a function with the arguments
of the whole constructor. ``python tools/signatures.py`` writes the stub from this file and the constructors.
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
from typing import Any

_FIRST = "threshold spike_grad surrogate_disable init_hidden inhibition"
_LAST = "reset_mechanism state_quant output"
_GRADED = "graded_spikes_factor learn_graded_spikes_factor"
_CONNECTION = "V all_to_all linear_features conv2d_channels kernel_size"
_OF_A_SEQUENCE = f"threshold spike_grad surrogate_disable learn_beta learn_threshold state_quant output {_GRADED}"

SpikingNeuron = f"{_FIRST} learn_threshold {_LAST} {_GRADED}"

LIF = f"beta {_FIRST} learn_beta learn_threshold {_LAST} {_GRADED}"
Leaky = f"{LIF} reset_delay"
RLeaky = f"beta {_CONNECTION} {_FIRST} learn_beta learn_threshold learn_recurrent {_LAST} reset_delay"
Lapicque = f"beta R C time_step {_FIRST} learn_beta learn_threshold {_LAST}"

Alpha = f"alpha beta {_FIRST} learn_alpha learn_beta learn_threshold {_LAST}"
Synaptic = f"{Alpha} reset_delay"
RSynaptic = (
    f"alpha beta {_CONNECTION} {_FIRST} learn_alpha learn_beta learn_threshold learn_recurrent {_LAST} reset_delay"
)

SLSTM = f"input_size hidden_size bias {_FIRST} learn_threshold {_LAST}"
SConv2dLSTM = f"in_channels out_channels kernel_size bias max_pool avg_pool {_FIRST} learn_threshold {_LAST}"

StateLeaky = f"beta channels {_OF_A_SEQUENCE} kernel_truncation_steps"
LinearLeaky = f"beta in_features out_features bias device dtype {_OF_A_SEQUENCE} kernel_truncation_steps"
LeakyParallel = (
    "input_size hidden_size beta bias threshold dropout spike_grad surrogate_disable learn_beta learn_threshold "
    f"{_GRADED} weight_hh_enable device dtype"
)

ALIF = "beta rho kappa threshold"
AdLIF = "beta rho a b"
SEAdLIF = f"{AdLIF} q"
SiLIF = "log_rate log_rate_w a b log_dt"
CSiLIF = "log_rate omega b log_dt"
RF = "omega b dt"
BRF = f"{RF} gamma"
TCLIF = "c1 c2 gamma"
Izhikevich = "a b c d dt threshold"
AdEx = "tau R tau_w a b rest rheobase reset sharpness dt threshold"
SlidingPSN = "order"

# signatures spell out these names of types, so that a reader need not look them up
_EXPLICIT = {
    "Constant": "float | Tensor",
    "Learn": "bool | Literal['bounded']",
    "SpikeGrad": "Callable[[Tensor], Tensor]",
    "ResetMechanism": "Literal['subtract', 'zero', 'none']",
}
_MORE = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def takes(order: str, *, without: str = "") -> Callable[[Callable[..., None]], Any]:
    """Return a decorator that gives a constructor with ``**options`` the arguments of the base classes explicitly.

    The arguments are its own and those of the next constructors in the method resolution order, as far as each passes
    ``**options`` on. ``order`` lists those that may be passed by position, ``without`` those that are left out.
    """
    return lambda init: _Constructor(init, order.split(), without.split())


@dataclass
class _Constructor:
    """A placeholder for a constructor until its class, and with it the arguments, are known."""

    init: Callable[..., None]
    order: list[str]
    without: list[str]

    def __set_name__(self, owner: type, name: str) -> None:
        parameters, hints = _parameters(owner, self.init)
        for left_out in self.without:
            del parameters[left_out], hints[left_out]
        constructor = _constructor(self.init, self.order, parameters)
        constructor.__annotations__ = {**hints, "return": type(None)}
        constructor.__signature__ = inspect.Signature(  # pyrefly: ignore[missing-attribute]
            [
                Parameter("self", Parameter.POSITIONAL_OR_KEYWORD),
                *(parameters[n].replace(kind=Parameter.POSITIONAL_OR_KEYWORD) for n in self.order),
                *(p.replace(kind=Parameter.KEYWORD_ONLY) for n, p in parameters.items() if n not in self.order),
            ],
            return_annotation="None",
        )
        setattr(owner, name, constructor)


def _parameters(owner: type, init: Callable[..., None]) -> tuple[dict[str, Parameter], dict[str, Any]]:
    """Return the parameters of a class's constructor and their types, beginning with those of the base classes."""
    parameters: dict[str, Parameter] = {}
    hints: dict[str, Any] = {}
    for constructor in (init, *(vars(c)["__init__"] for c in owner.__mro__[1:] if "__init__" in vars(c))):
        _, *own = inspect.signature(constructor).parameters.values()
        parameters = {p.name: _explicit(p) for p in own if p.kind not in _MORE} | parameters
        hints = typing.get_type_hints(constructor) | hints
        if all(p.kind is not Parameter.VAR_KEYWORD for p in own):
            break
    return parameters, {name: hints[name] for name in parameters}


def _explicit(parameter: Parameter) -> Parameter:
    written = re.sub(r"\w+", lambda name: _EXPLICIT.get(name[0], name[0]), str(parameter.annotation))
    return parameter.replace(annotation=written)


def _constructor(init: Callable[..., None], order: list[str], parameters: dict[str, Parameter]) -> Callable[..., None]:
    @functools.wraps(init)
    def constructor(self: Any, /, *args: Any, **options: Any) -> None:
        problem = _misuse(order, parameters, args, options)
        if problem:
            raise TypeError(f"{init.__qualname__}() {problem}")
        init(self, **dict(zip(order, args, strict=False)), **options)

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
