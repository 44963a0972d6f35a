"""The loop that every other way to run a net must match, and sequences cut into chunks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from snn_core.neuron.temporal import detach, temporal
from snn_core.sequence.concatenation import concatenated
from snn_core.sequence.ending import Ending
from snn_core.sequence.folding import Folding
from snn_core.sequence.recomputation import Recomputation
from snn_core.sequence.watching import Watch

Run = Callable[[nn.Module, Tensor, Folding], Any]
"""Function ``run(net, xs, folding)``: the outputs ``[T, batch, ...]``, zero where a sample does not run."""


class Loop:
    """A run of a net through the steps of ``xs[T, batch, ...]``, exactly as the net is written.

    With ``asserted``, a step may run through a time of its own.
    """

    def __init__(self, net: nn.Module, xs: Tensor, folding: Folding, asserted: bool = False) -> None:
        self._net = net
        self._asserted = asserted
        self._folding = folding
        self._inputs = folding.steps_of(xs)
        self._outputs: list[list[Tensor]] = []
        self._spec: Any = None
        ragged = temporal(net) if folding.order is not None else []
        self._endings = {module: Ending(folding.order, type(module).__name__) for module in ragged}

    def next_input(self) -> Tensor:
        """Return the input of the next step, for the samples that still run."""
        return self._inputs[len(self._outputs)]

    def step(self, watching: contextlib.AbstractContextManager[None] | None = None) -> tuple[list[Any], Any]:
        """Run the next step, and return its output: the leaves, in a list that nothing else refers to, and the spec."""
        x = self.next_input()
        rows = x.shape[0] if x.dim() else 1
        for module, ending in self._endings.items():
            module._kept = ending.running(module._kept, rows)
        with watching or contextlib.nullcontext():
            out = self._net(x)
        flat, self._spec = tree_flatten(out)
        del out
        for leaf in flat:
            self._folding.checked(leaf, rows)
        self._outputs.append(flat)
        return flat, self._spec

    def finish(self, count: int | None = None) -> Any:
        """Run the remaining steps, or those of the first ``count``, and return all outputs ``[count, batch, ...]``."""
        count = len(self._inputs) if count is None else count
        try:
            if not self._outputs:
                self._first_step()
            while len(self._outputs) < count:
                self.step()
        finally:
            self.leave()
        folding = self._folding.part(0, count)
        columns = zip(*self._outputs, strict=True)
        return tree_unflatten([folding.stacked(column) for column in columns], self._spec)

    def _first_step(self) -> None:
        """Run the first step, and watch it for calls that are not allowed."""
        if torch.compiler.is_compiling():
            self.step()
            return
        watch, x = Watch(self._net), self.next_input()
        self.step(watch.watching())
        if not self._asserted and x.dim():
            watch.must_be_one_step(x)

    def leave(self) -> None:
        """Put the states of all samples back together when no step follows."""
        for module, ending in self._endings.items():
            module._kept = ending.whole(module._kept)
        self._endings = {}


def steps(net: nn.Module, xs: Tensor, folding: Folding) -> Any:
    """Run the loop over all steps."""
    return Loop(net, xs, folding).finish()


def requested_steps(net: nn.Module, xs: Tensor, folding: Folding) -> Any:
    """Run the loop over all steps of a net that may loop within a step too."""
    return Loop(net, xs, folding, asserted=True).finish()


def later_steps(net: nn.Module, xs: Tensor, folding: Folding) -> Any:
    """Run the loop over all steps of a later segment, without watching any of them."""
    loop = Loop(net, xs, folding)
    loop.step()
    return loop.finish()


def one_step(net: nn.Module, xs: Tensor, folding: Folding) -> Any:
    """Run a chain of known layers over a sequence of one step."""
    if folding.order is not None:
        return later_steps(net, xs, folding)
    out = net(xs.squeeze(0))
    if isinstance(out, Tensor):
        return out.unsqueeze(0)
    if type(out) is tuple and all(isinstance(part, Tensor) for part in out):
        return tuple([part.unsqueeze(0) for part in out])  # tree_map takes as long as an operation on a layer
    return tree_map(lambda part: part.unsqueeze(0), out)


def chunks(run: Run, net: nn.Module, xs: Tensor, folding: Folding, chunk: int, truncate: bool) -> Any:
    """Run ``chunk`` steps at a time; all chunks but the last run again in the backward pass, or the graph is cut."""

    def outs() -> Iterator[Any]:
        parts = list(folding.parts(xs.split(chunk)))
        if truncate or not torch.is_grad_enabled():
            for part, here in parts:
                yield run(net, part, here)
                if truncate:
                    detach(net)
        else:
            again = Recomputation(run, net, own_code=run in (steps, requested_steps, later_steps))
            for part, here in parts[:-1]:
                yield again(part, here)
            yield run(net, *parts[-1])  # the backward pass needs its stored tensors first

    return concatenated(outs(), len(xs))
