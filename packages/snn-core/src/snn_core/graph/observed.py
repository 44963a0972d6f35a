"""The values of one recorded step, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from snn_core.effects.fingerprint import Fingerprint
from snn_core.effects.separation import memory_of
from snn_core.graph.steps import ROWS, Held, Named, NotSampleWise, Ones, Place, Way


class Rows(int):
    """A number of samples that reports when the code computes with it."""

    report: Callable[[], None]
    used: bool = False  # True after its use in the shape of a tensor with one row per sample, its only harmless use

    def __new__(cls, value: int, report: Callable[[], None]) -> Rows:
        rows = super().__new__(cls, value)
        rows.report = report
        return rows


def _reporting(name: str) -> Callable[..., Any]:
    def method(self: Rows, *args: Any) -> Any:
        self.report()
        return getattr(int(int.__int__(self)), name)(*args)

    return method


# these do not report: code written in C reads the number without calling them
_UNSEEN = "__new__ __repr__ __getattribute__ __getnewargs__ __format__ __sizeof__ __index__ __doc__".split()
for _name in {name for name in vars(int) if name.startswith("__")}.difference(_UNSEEN):
    setattr(Rows, _name, _reporting(_name))


@dataclass
class Fact:
    """Facts about a value of one step."""

    of_step: bool  # it is computed again in every step
    own: bool  # only this step has the tensor, so that it may be overwritten
    by_sample: bool  # axis 0 is that of the samples
    after_neuron: bool  # it depends on what a neuron emits in this step
    grad_fn: Any = None


class Observed:
    """The values of a step by number, 0 being its input, and the arguments of calls that name them.

    Args:
        named: The parameters and buffers of the net, with their paths.
        x: The input of the step.
        fingerprint: What the code of the net reached before the step; None if it is not looked at.
        known: The tensors that earlier records of the net hold, by identity.
    """

    def __init__(
        self,
        named: Sequence[tuple[str, Tensor]],
        x: Tensor,
        fingerprint: Fingerprint | None,
        known: Mapping[int, Tensor] | None,
    ) -> None:
        self.tensors: list[Any] = []  # kept alive, so that no other tensor is mistaken for one of them
        self._counts: list[bool] = []  # not empty if the code has computed with a number of samples
        self._places: dict[int, int] = {}  # of tensors, by their identity
        self._facts: list[Fact] = []
        self._sizes: list[Rows] = []  # numbers of samples that the code has read
        self._fingerprint, self._known = fingerprint, known or {}
        self._named = {id(tensor): (path, tensor) for path, tensor in reversed(named)}
        self.add(x, Fact(of_step=True, own=False, by_sample=True, after_neuron=False))

    def add(self, tensor: Any, fact: Fact) -> int:
        """Add a value, or None for one that is not there, and return its number."""
        number = len(self.tensors)
        self.tensors.append(tensor)
        if tensor is not None:
            self._places[id(tensor)] = number
        grad_fn = None if tensor is None else tensor.grad_fn
        self._facts.append(Fact(fact.of_step, fact.own, fact.by_sample, fact.after_neuron, grad_fn))
        return number

    def has(self, value: Any) -> bool:
        """Return True for a tensor that the step has computed."""
        return id(value) in self._places

    def is_named(self, value: Any) -> bool:
        """Return True for a parameter or buffer."""
        return isinstance(value, Tensor) and id(value) in self._named

    def is_of_step(self, value: Any) -> bool:
        """Return True for a tensor that is computed again in every step."""
        number = self._places.get(id(value))
        return number is not None and self._facts[number].of_step

    def fact(self, value: int | Tensor) -> Fact:
        """Return what is known of a value, given itself or its number."""
        return self._facts[value if isinstance(value, int) else self._places[id(value)]]

    def place(self, tensor: Any) -> Place:
        """Return a value as an argument."""
        number = self._places[id(tensor)]
        if tensor.grad_fn is not self._facts[number].grad_fn:
            raise NotSampleWise("forward calls a function that defines its own gradient")
        return Place(number)

    def overwrite(self, tensor: Any, name: str) -> None:
        """Keep a tensor as it is before a function overwrites it.

        Raises:
            NotSampleWise: If others may see the change, as it does not belong to this step alone.
        """
        number = self._places.get(id(tensor))
        memory = 0 if number is None else memory_of(tensor)
        others = sum(memory_of(value) == memory for value in self.tensors)
        if number is None or not self._facts[number].own or not memory or others > 1:
            raise NotSampleWise(f"'{name}' overwrites a tensor")
        self.tensors[number] = tensor.detach().clone()  # the tensor itself gets another number

    def overwritten(self, tensor: Any) -> None:
        """Take note that a tensor was overwritten, which changes its place in the graph."""
        self._facts[self._places[id(tensor)]].grad_fn = tensor.grad_fn

    def size(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Return what a function says of the size of a tensor, in which the number of samples reports its use."""
        out, tensor = func(*args, **kwargs), args[0]
        if not self.is_of_step(tensor):
            return out
        if not self.fact(tensor).by_sample or func in (Tensor.numel, Tensor.nelement):
            self._counts.append(True)
            return out
        if isinstance(out, torch.Size):
            return torch.Size((self._rows(out[0]), *out[1:])) if out else out
        dim = args[1] if len(args) > 1 else kwargs.get("dim")
        return self._rows(out) if dim is None or dim % tensor.dim() == 0 else out

    def _rows(self, count: int) -> Rows:
        counts = self._counts  # without the values, which would else be part of a circle and stay in memory
        self._sizes.append(Rows(count, lambda: counts.append(True)))
        return self._sizes[-1]

    def may_count(self) -> bool:
        """Return True if the code may have computed with the number of samples."""
        return bool(self._counts) or not all(size.used for size in self._sizes)

    def encoded(self, value: Any, way: Way) -> Any:
        """Return an argument of a call that runs in some way, with names in place of tensors."""
        if isinstance(value, Tensor):
            if id(value) in self._places:
                return self.place(value)
            if id(value) in self._named:
                return Named(self._named[id(value)][0])
            if self._known.get(id(value)) is value or (self._fingerprint and self._fingerprint.holds(value)):
                return Held(value)
            raise NotSampleWise("forward uses a tensor that is neither the net's nor computed by torch's functions")
        if isinstance(value, Rows):
            if way == "rows":
                return "rows"  # the computation of the call does not use it
            value.used = True
            return ROWS
        if isinstance(value, list | tuple):
            kind = tuple if isinstance(value, torch.Size) else type(value)
            return kind(self.encoded(part, way) for part in value)
        return value

    def forms(self, value: Any) -> Any:
        """Return an argument with the forms of values of this step in their place."""
        if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
            return type(value)(map(self.forms, value))
        of_step = isinstance(value, Tensor) and self.is_of_step(value)
        return Ones.like(value, self.fact(value).by_sample) if of_step else value
