"""The loop that every other way to run a net must match, and sequences cut into chunks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from snn_core.graph.ending import Ending
from snn_core.graph.folding import Folding
from snn_core.graph.watching import Watch
from snn_core.neuron.kept_state import each
from snn_core.neuron.temporal import detach, temporal
from snn_core.neuron.turns import Holding, States
from snn_core.sequence.concatenation import concatenated
from snn_core.sequence.recomputation import Recomputation


class Ran(NamedTuple):
    """The result of a run of a net over a sequence.

    Args:
        out: The outputs ``[T, batch, ...]``, zero where a sample does not run.
        states: The states after the last step.
        products: Descriptions of how linear layers and convolutions were computed, by path.
        once: The paths of the layers that were computed in one step only, as their input was the same in all steps.
    """

    out: Any
    states: States
    products: Mapping[str, str] = {}
    once: frozenset[str] = frozenset()


Run = Callable[[nn.Module, Tensor, Folding, States], Ran]
"""Function ``run(net, xs, folding, states)`` that runs a net from states, and leaves what the net keeps as it is."""


class Loop:
    """A run of a net through the steps of ``xs[T, batch, ...]``, exactly as the net is written.

    With ``asserted``, a step may run through a time of its own; without ``watches``, the first step is not watched.
    """

    def __init__(
        self, net: nn.Module, xs: Tensor, folding: Folding, asserted: bool = False, watches: bool = True
    ) -> None:
        self._net = net
        self._asserted, self._watches = asserted, watches
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
        if torch.compiler.is_compiling() or not self._watches:
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


def steps(net: nn.Module, xs: Tensor, folding: Folding, states: States) -> Ran:
    """Run the loop over all steps."""
    return _looped(Loop(net, xs, folding), states)


def requested_steps(net: nn.Module, xs: Tensor, folding: Folding, states: States) -> Ran:
    """Run the loop over all steps of a net that may loop within a step too."""
    return _looped(Loop(net, xs, folding, asserted=True), states)


def later_steps(net: nn.Module, xs: Tensor, folding: Folding, states: States) -> Ran:
    """Run the loop over all steps of a later segment, without watching any of them."""
    return _looped(Loop(net, xs, folding, watches=False), states)


def _looped(loop: Loop, states: States) -> Ran:
    with Holding(states) as after:
        out = loop.finish()
    return Ran(out, after)


def one_step(net: nn.Module, xs: Tensor, folding: Folding, states: States) -> Ran:
    """Run a chain of known layers over a sequence of one step."""
    if folding.order is not None:
        return later_steps(net, xs, folding, states)
    with Holding(states) as after:
        out = net(xs.squeeze(0))
    if isinstance(out, Tensor):
        return Ran(out.unsqueeze(0), after)
    if type(out) is tuple and all(isinstance(part, Tensor) for part in out):
        return Ran(tuple([part.unsqueeze(0) for part in out]), after)  # tree_map takes as long as a layer
    return Ran(tree_map(lambda part: part.unsqueeze(0), out), after)


def in_chunks(
    run: Run, net: nn.Module, xs: Tensor, folding: Folding, states: States, chunk: int | None, truncate: bool = False
) -> Ran:
    """Run ``chunk`` steps at a time; all chunks but the last run again in the backward pass, or the graph is cut."""
    if chunk is None:
        return run(net, xs, folding, states)
    parts = list(folding.parts(xs.split(chunk)))
    again = None
    if torch.is_grad_enabled() and not truncate:
        plan: Any = getattr(run, "__self__", None)
        loops = run in (steps, requested_steps, later_steps)
        again = Recomputation(run, net, own_code=loops, draws=loops or (plan is not None and plan.draws))
    ran = Ran(None, states)

    def outs() -> Iterator[Any]:
        nonlocal ran
        for number, (part, here) in enumerate(parts):
            # the backward pass needs the stored tensors of the last chunk first
            is_last = number == len(parts) - 1
            ran = run(net, part, here, ran.states) if again is None or is_last else again(part, here, ran.states)
            if truncate:
                detach(net)  # and the attributes of neurons that keep their states there
                ran = ran._replace(states={module: each(Tensor.detach, kept) for module, kept in ran.states.items()})
            yield ran.out

    out = concatenated(outs(), len(xs))
    return ran._replace(out=out)
