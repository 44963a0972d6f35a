"""Plans: the calls that run a net over a whole sequence, in order, each over all steps at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

from snn_core.kernels import products
from snn_core.neuron.temporal import Temporal
from snn_core.sequence.folding import Folding
from snn_core.sequence.joining import joined
from snn_core.sequence.layout import Layout
from snn_core.sequence.steps import Pass, Whole

__all__ = ["Held", "Named", "Place", "Plan", "Step", "Value"]


class Place(NamedTuple):
    """A value that a step of the plan computes, by its number; 0 is the input."""

    number: int


class Named(NamedTuple):
    """A parameter or buffer of the net, by its path."""

    path: str


class Held:
    """A tensor that is neither computed nor the net's."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held) and other.tensor is self.tensor

    def __hash__(self) -> int:
        return id(self.tensor)


Value = Any
"""An argument: a :class:`Place`, :class:`Named` or :class:`Held`, a constant, or tuples, lists and dicts of these."""


@dataclass(frozen=True)
class Step:
    """One call.

    Args:
        compute: What is called.
        path: The path of its module in the net; that of the module that called it for a function.
        kind: Its name: the class of the module, or the function.
        args: Its arguments.
        kwargs: The same, by name.
        places: The numbers of what it returns.
        several: Whether it returns a tuple.
        of_step: Whether it computes something else in every step; if not, it is called once.
        grad: Whether gradients are recorded, where a ``forward`` switches that; None as it is where the plan runs.
        drops: The numbers of values that are not needed after it.
    """

    compute: Any
    path: str
    kind: str
    args: tuple[Value, ...]
    kwargs: Mapping[str, Value]
    places: tuple[int, ...]
    several: bool = False
    of_step: bool = True
    grad: bool | None = None
    drops: tuple[int, ...] = ()


# of a convolution's input or output; from 32 MB on, glibc asks the system for every tensor's memory anew
_BLOCK_BYTES = 24 * 2**20


class Plan:
    """A net's calls over many steps.

    Args:
        steps: The calls, in order.
        outputs: What the net returns, as a tree of :class:`Place`.
        gains_from_blocks: Whether it is faster over some steps at a time than over all.

    ``products`` says how linear layers were computed in the last run, by path.
    """

    def __init__(self, steps: Sequence[Step], outputs: Any, gains_from_blocks: bool) -> None:
        flat, self._spec = tree_flatten(outputs, is_leaf=lambda leaf: isinstance(leaf, Place))
        self._outputs = [place.number for place in flat]
        self.steps: tuple[Step, ...] = _with_drops(steps, self._outputs)
        self.products: dict[str, str] = {}
        self.holds_tensors: bool = any(isinstance(v, Held) for s in self.steps for v in _leaves((s.args, s.kwargs)))
        self.gains_from_blocks: bool = gains_from_blocks

    def fits(self, net: nn.Module) -> bool:
        """Return True if a net has all modules and tensors that the plan calls by name."""
        modules = dict(net.named_modules(remove_duplicate=False))
        if any(type(modules.get(s.path)).__name__ != s.kind for s in self.steps if isinstance(s.compute, Whole)):
            return False
        names = {v.path for s in self.steps for v in _leaves((s.args, s.kwargs)) if isinstance(v, Named)}
        tensors = {path for path, _ in net.named_parameters(remove_duplicate=False)}
        return names <= tensors | {path for path, _ in net.named_buffers(remove_duplicate=False)}

    def layers(self, net: nn.Module, xs: Tensor, folding: Folding) -> Any:
        """Run all steps in one call of each layer.

        Args:
            net: The net.
            xs: Input ``[T, batch, ...]``.
            folding: Which samples run in each of the steps.

        Returns:
            The outputs ``[T, batch, ...]``, zero where a sample does not run.
        """
        return self._run(net, xs, folding, None)

    def blocks(self, net: nn.Module, xs: Tensor, folding: Folding) -> Any:
        """Run as many steps at a time as are fast together: a sequence may be cut anywhere."""
        if torch.compiler.is_compiling() or any(map(products.is_compiled, net.modules())):
            return self.layers(net, xs, folding)
        layout = Layout()

        def parts() -> Iterator[Tensor]:
            yield xs[:1]
            rest = xs[1:]
            if len(rest):
                count = math.ceil(len(rest) * layout.largest / _BLOCK_BYTES)
                yield from rest.tensor_split(min(max(count, 1), len(rest)))

        def outs() -> Iterator[Any]:
            for part, here in folding.parts(parts()):
                yield self._run(net, part, here, layout)

        out = joined(outs(), len(xs))
        for module in net.modules():
            if isinstance(module, Temporal):
                module.lay_out_kept()
        return tree_map(Tensor.contiguous, out)

    def run(self, net: nn.Module, xs: Tensor, folding: Folding) -> Any:
        """Run by :meth:`blocks` where that gains, else by :meth:`layers`."""
        return (self.blocks if self.gains_from_blocks else self.layers)(net, xs, folding)

    def _run(self, net: nn.Module, xs: Tensor, folding: Folding, layout: Layout | None) -> Any:
        rows = folding.fold(xs)
        count = rows.shape[0]  # as len() would be a constant where a program with a free batch is exported
        run = Pass(dict(net.named_modules(remove_duplicate=False)), folding, layout, self.products)
        values: dict[int, Any] = {0: rows}
        del rows
        for step in self.steps:
            args = [_found(values, net, a) for a in step.args]
            kwargs = {name: _found(values, net, a) for name, a in step.kwargs.items()}
            out = _called(step, run, args, kwargs)
            del args, kwargs
            values.update(zip(step.places, tree_leaves(out) if step.several else (out,), strict=True))
            del out
            for number in step.drops:
                del values[number]

        def unfolded(rows: Any) -> Tensor:
            return folding.unfold(folding.checked(rows, count))

        return tree_unflatten([tree_map(unfolded, values[number]) for number in self._outputs], self._spec)


def _called(step: Step, run: Pass, args: list[Any], kwargs: dict[str, Any]) -> Any:
    if step.grad is None:
        return step.compute(run, step.path, *args, **kwargs)
    with torch.set_grad_enabled(step.grad and torch.is_grad_enabled()):
        return step.compute(run, step.path, *args, **kwargs)


def _found(values: dict[int, Any], net: nn.Module, value: Value) -> Any:
    if isinstance(value, Place):
        return values[value.number]
    if isinstance(value, Named):
        owner, _, name = value.path.rpartition(".")
        return getattr(net.get_submodule(owner), name)
    if isinstance(value, Held):
        return value.tensor
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        return type(value)(_found(values, net, v) for v in value)
    return value


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, list | tuple) and not isinstance(value, Place | Named):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _with_drops(steps: Sequence[Step], outputs: Sequence[int]) -> tuple[Step, ...]:
    """The same steps, each saying which values nothing after it needs."""
    needed = {*outputs}
    found: list[Step] = []
    for step in reversed(steps):
        used = {v.number for v in _leaves((step.args, step.kwargs)) if isinstance(v, Place)}
        drops = tuple(sorted((used | {*step.places}) - needed))
        needed |= used
        found.append(_replaced(step, drops))
    return tuple(reversed(found))


def _replaced(step: Step, drops: tuple[int, ...]) -> Step:
    return Step(
        step.compute, step.path, step.kind, step.args, step.kwargs, step.places, step.several, step.of_step, step.grad,
        drops,
    )  # fmt: skip
