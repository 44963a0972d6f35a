"""Whether a traced ``reshape(-1, ...)`` leaves every sample a row, which the sizes of one sample show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn

from snn_core.neuron import SpikingNeuron
from snn_core.samplewise import NotSampleWise
from snn_core.samplewise_functions import RESHAPES
from snn_core.temporal import Temporal
from snn_core.whole_sequence import WholeSequence

__all__ = ["check_reshapes"]


def check_reshapes(graph: fx.Graph, modules: Mapping[str, nn.Module], xs: Tensor) -> None:
    """Run one step of one sample where a number of rows is left to torch, which may make one of several samples.

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
    if any(map(_leaves_rows_open, graph.nodes)):
        with torch.no_grad():
            runner = _OneSample(modules[""], graph=graph)
            runner.extra_traceback = False  # a reason is one line
            runner.run(xs.new_zeros((1, *xs.shape[2:])))


def _leaves_rows_open(node: fx.Node) -> bool:
    return node.target in RESHAPES and len(node.args) > 1 and node.args[1] == -1


class _OneSample(fx.Interpreter):
    """Calls a step of each neuron by itself, so that none of them keeps anything of it."""

    def run_node(self, n: fx.Node) -> Any:
        if _leaves_rows_open(n):
            (x, _, *sizes), _ = self.fetch_args_kwargs_from_env(n)
            if x.numel() != math.prod(sizes):
                rows = f"rows of {math.prod(sizes)} numbers of a sample of {x.numel()}"
                raise NotSampleWise(f"{n.name!r} makes {rows}; use x.flatten(1)")
        return super().run_node(n)

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        module = self.fetch_attr(target)
        if isinstance(module, WholeSequence):
            raise NotSampleWise(f"the sizes that {type(module).__name__} gives are not known before it runs")
        if isinstance(module, SpikingNeuron):
            spk, state = module.step(*args)
            return module.outputs(spk, state) if module.output else spk
        return args[0] if isinstance(module, Temporal) else module(*args, **kwargs)
