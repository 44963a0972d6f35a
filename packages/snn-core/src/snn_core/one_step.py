"""One step of a net, run to see the sizes in it: its neurons keep nothing of it, and no random number is used up."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils._pytree import tree_map

from snn_core.neuron import SpikingNeuron
from snn_core.random_states import RandomStates
from snn_core.samplewise import NotSampleWise
from snn_core.samplewise_functions import RESHAPES
from snn_core.temporal import Temporal
from snn_core.tracing import ALONE
from snn_core.whole_sequence import WholeSequence

__all__ = ["check_reshapes", "inputs_of_calls", "inputs_of_chain"]

_FAILURES = (RuntimeError, ValueError, TypeError, IndexError)


def check_reshapes(graph: fx.Graph, modules: Mapping[str, nn.Module], xs: Tensor) -> None:
    """Run a sample where a number of rows is left to torch, which may make one of several samples.

    Args:
        graph: The graph of a net, of calls that act on each sample alone if its reshapes do.
        modules: Its modules by the names that the graph uses.
        xs: Input ``[T, batch, ...]``, of which the shape counts.

    Raises:
        NotSampleWise: If a reshape makes more or less than one row of a sample.

    Example:
        >>> from snn_core.tracing import trace
        >>> class Net(nn.Module):
        ...     def forward(self, x):
        ...         return x.reshape(-1, 6)
        >>> check_reshapes(*trace(Net()), torch.zeros(5, 4, 2, 3))
        >>> check_reshapes(*trace(Net()), torch.zeros(5, 4, 3))
        Traceback (most recent call last):
        snn_core.samplewise.NotSampleWise: 'reshape' makes rows of 6 numbers of a sample of 3; use x.flatten(1)
    """
    if not any(map(_leaves_rows_open, graph.nodes)):
        return
    try:
        with _unseen():
            _Runner(modules, graph, of_one_sample=True).run(xs.new_zeros((1, *xs.shape[2:])))
    except _FAILURES as error:
        raise NotSampleWise(f"a step of one sample fails: {error}") from error


def inputs_of_chain(chain: Sequence[tuple[str, nn.Module]], xs: Tensor) -> list[Tensor | None]:
    """What each module of a chain is called with in one step.

    Args:
        chain: The modules by path, in order.
        xs: Input ``[T, batch, ...]``, of which shape and dtype count.

    Returns:
        One step's input ``[batch, ...]`` of each; None behind a module that fails.

    Raises:
        RuntimeError: Inside of what ``torch.compile`` compiles.

    Example:
        >>> [x.shape for x in inputs_of_chain([("0", nn.Linear(3, 2)), ("1", nn.ReLU())], torch.zeros(5, 4, 3))]
        [torch.Size([4, 3]), torch.Size([4, 2])]
    """
    if torch.compiler.is_compiling():
        raise RuntimeError(
            "how a net will run (explain=True) is found by running a step of it, which cannot be compiled; ask once "
            "outside of what torch.compile compiles"
        )
    inputs: list[Tensor | None] = []
    try:
        with _unseen():
            x = xs.new_zeros(xs.shape[1:])
            for _, module in chain:
                inputs.append(x)
                x = _after(module, x)
    except _FAILURES:
        inputs += [None] * (len(chain) - len(inputs))
    return inputs


def inputs_of_calls(graph: fx.Graph, modules: Mapping[str, nn.Module], xs: Tensor) -> list[Tensor | None]:
    """The same of the calls of modules in a graph.

    Args:
        graph: The graph of a net, of calls that act on each sample alone.
        modules: Its modules by the names that the graph uses.
        xs: Input ``[T, batch, ...]``, of which shape and dtype count.

    Returns:
        One step's input ``[batch, ...]`` of each call; None behind one that fails.

    Example:
        >>> from snn_core.tracing import trace
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.linear = nn.Linear(3, 2)
        ...     def forward(self, x):
        ...         return self.linear(-x)
        >>> [x.shape for x in inputs_of_calls(*trace(Net()), torch.zeros(5, 4, 3))]
        [torch.Size([4, 3])]
    """
    runner = _Runner(modules, graph)
    try:
        with _unseen():
            runner.run(xs.new_zeros(xs.shape[1:]))
    except _FAILURES:
        count = sum(node.op == "call_module" for node in graph.nodes)
        return [*runner.inputs, *[None] * (count - len(runner.inputs))]
    return [*runner.inputs]


def _leaves_rows_open(node: fx.Node) -> bool:
    return node.target in RESHAPES and len(node.args) > 1 and bool(node.args[1] == -1)


@contextmanager
def _unseen() -> Iterator[None]:
    with ALONE, torch.no_grad():  # while another thread traces, a call of a module may fail
        numbers = RandomStates()
        try:
            yield
        finally:
            if numbers.moved():
                numbers.restore()


def _after(module: nn.Module, x: Tensor) -> Any:
    if isinstance(module, WholeSequence):
        return tree_map(lambda out: out[0], module(x.unsqueeze(0)))
    if isinstance(module, SpikingNeuron):
        spk, state = module.step(x)
        return module.outputs(spk, state) if module.output else spk
    return x if isinstance(module, Temporal) else module(x)


class _Runner(fx.Interpreter):
    def __init__(self, modules: Mapping[str, nn.Module], graph: fx.Graph, of_one_sample: bool = False) -> None:
        super().__init__(modules[""], graph=graph)
        self.extra_traceback = False  # a reason is one line
        self.inputs: list[Tensor] = []
        self._of_one_sample = of_one_sample

    def run_node(self, n: fx.Node) -> Any:
        if self._of_one_sample and _leaves_rows_open(n):
            (x, _, *sizes), _ = self.fetch_args_kwargs_from_env(n)
            if x.numel() != math.prod(sizes):
                rows = f"rows of {math.prod(sizes)} numbers of a sample of {x.numel()}"
                raise NotSampleWise(f"{n.name!r} makes {rows}; use x.flatten(1)")
        return super().run_node(n)

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.inputs.append(args[0])
        return _after(self.fetch_attr(target), args[0])
