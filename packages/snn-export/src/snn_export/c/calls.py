"""The recorded calls of a net in one step, their arguments, and the values between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils._pytree import tree_flatten, tree_leaves

from snn_core.effects import RandomStates, copied
from snn_core.graph import Place, Record, Step, value_of
from snn_core.neuron import Temporal
from snn_core.sequence import changes_or_draws
from snn_core.utils import reset
from snn_export.c.routine import Refusal
from snn_export.step import called_for_a_step, named_tensors

__all__ = ["Calls", "argument", "calls_of", "operands"]

_SAME = "a net in C calls the same layers in every step, for one sample"
_TWO = {"input": None, "other": None}
# the parameters of element-wise functions of more than one operand, and their defaults
_PARAMETERS: dict[str, dict[str, Any]] = {
    **dict.fromkeys("add sub mul div rsub rdiv minimum maximum gt ge lt le eq ne".split(), _TWO),
    "pow": {"input": None, "exponent": None},
    "clamp": {"input": None, "min": None, "max": None},
    "clamp_min": {"input": None, "min": None},
    "clamp_max": {"input": None, "max": None},
    "hardtanh": {"input": None, "min_val": -1.0, "max_val": 1.0},
    "where": {"condition": None, "input": None, "other": None},
}
_OPTIONS = {"alpha", "rounding_mode"}  # options that some functions have; only values that change nothing are accepted
_IGNORED = {"inplace"}


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
        return _reads(self.steps).count(number) + self.outputs.count(number)


def _reads(steps: Sequence[Step]) -> list[int]:
    leaves = tree_leaves([(step.args, dict(step.kwargs)) for step in steps])
    return [leaf.number for leaf in leaves if isinstance(leaf, Place)]


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
    record, second = _records(twin, x.detach().cpu(), samples=2, steps=2)
    (other,) = _records(twin, x.detach().cpu(), samples=3, steps=1)
    if record.key() != second.key():
        raise Refusal(f"forward does something different in the second step; {_SAME}")
    if record.key() != other.key() or min(_reads(record.steps), default=0) < 0:  # a place below 0 is the batch size
        raise Refusal(f"forward computes with the batch size; {_SAME}")
    places = [place.number for place in tree_leaves(record.outputs)]
    return Calls(twin, tuple(record.steps), record.values, places)


def _settle(module: Any) -> None:
    """Replace the parametrizations of a module with parameters of their values; the shared class is left alone."""
    values = {name: getattr(module, name).detach().clone() for name in module.parametrizations}
    module.__class__ = parametrize.type_before_parametrizations(module)
    del module._modules["parametrizations"]
    for name, value in values.items():
        module.register_parameter(name, nn.Parameter(value))


def _records(net: nn.Module, x: Tensor, samples: int, steps: int) -> Iterator[Record]:
    """Yield the records of a net's first steps from rest, for some samples."""
    reset(net)
    part = x[:1].expand(samples, *x.shape[1:]).clone()
    for _ in range(steps):
        record = Record(net, part, describes=True)
        with RandomStates(), torch.no_grad():
            try:
                with record.recording():
                    out = net(part)
                record.must_be_one_step(part)
            except Exception as error:  # a net may raise anything
                reset(net)
                called_for_a_step(net, [x])  # which says so if it does not take the input either
                raise Refusal(f"forward fails for {samples} samples: {error}; {_SAME}") from error
            leaves, spec = tree_flatten(out)
            if not all(isinstance(leaf, Tensor) for leaf in leaves):
                named_tensors(out)  # which names the one that is not
            record.finish(leaves, spec)
        if record.reason:
            raise Refusal(f"{record.reason}; {_SAME}")
        yield record


def argument(step: Step, position: int, name: str, default: Any = None) -> Any:
    """Return an argument of a call that may be passed by position or by name."""
    return step.args[position] if len(step.args) > position else step.kwargs.get(name, default)


def operands(step: Step, name: str) -> tuple[list[Any], dict[str, Any]]:
    """Return the operands of an element-wise function by position, and its options by name.

    Raises:
        Refusal: If it has an argument that is not known.

    Example:
        >>> import torch
        >>> from snn_core.graph import Function, Place
        >>> operands(Step(Function(torch.clamp), "", "clamp", (Place(0),), {"max": 1.0}, (1,)), "clamp")
        ([Place(number=0), None, 1.0], {})
    """
    parameters = _PARAMETERS.get(name, {"input": None})
    args, names = step.args, [*parameters]
    if getattr(step.compute, "func", None) is Tensor.where:  # a method of the input, not of the condition
        names = ["input", "condition", "other"]
    named = {key: value for key, value in step.kwargs.items() if key not in _IGNORED}
    options = {key: named.pop(key) for key in _OPTIONS & {*named}}
    unknown = [repr(key) for key in named if key not in names[len(args) :]]
    if unknown or len(args) > len(names):
        what = f"the argument {', '.join(unknown)}" if unknown else f"{len(args)} arguments"
        raise Refusal(f"{name!r} has {what}; in C it takes {', '.join(names)}")
    values = {**parameters, **dict(zip(names, args, strict=False)), **named}
    return [values[key] for key in parameters], options
