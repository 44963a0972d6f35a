"""What a network calls in one time step, and the value of every call for a sample."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.utils._pytree import tree_leaves

from snn_core import SpikingNeuron
from snn_core.neuron.temporal import Temporal
from snn_core.sequence.tracing import Untraceable, trace
from snn_nir.codes import refusal
from snn_nir.exporting.steps import is_stack

__all__ = ["Recording", "record"]

_PREFIX = "net.net"
# what a neuron remembers from call to call, and the count of calls without a state from which on it warns no more
_KEPT = ("_kept", "_goes_on", "_stateless")
_SILENT = 2


class Recording(NamedTuple):
    """The calls of a step in order, the modules they name, and what each call gave.

    Args:
        graph: The calls.
        modules: By the names that the calls use.
        values: By call.
    """

    graph: fx.Graph
    modules: dict[str, nn.Module]
    values: dict[fx.Node, Any]

    def module(self, node: fx.Node) -> nn.Module:
        """The module that a node calls."""
        return self.modules[str(node.target)]

    def calls(self) -> list[fx.Node]:
        """Everything but the end, which returns."""
        return list(self.graph.nodes)[:-1]

    def path(self, node: fx.Node) -> str:
        """Where in the network that module is, as in its ``state_dict``; empty for the network itself."""
        return str(node.target).removeprefix(_PREFIX).removeprefix(".")


class _Packed(nn.Module):
    """A network of several inputs, called with one tuple of them."""

    def __init__(self, net: nn.Module, count: int, extra: tuple[Any, ...]) -> None:
        super().__init__()
        self.net = net
        self._count = count
        self._extra = extra

    def forward(self, xs: Any) -> Any:
        return self.net(*(xs[i] for i in range(self._count)), *self._extra)


class _Interpreter(fx.Interpreter):
    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module, garbage_collect_values=False)
        self.values: dict[fx.Node, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        self.values[n] = super().run_node(n)
        return self.values[n]


def record(net: nn.Module, samples: tuple[Tensor | None, ...], extra: tuple[Any, ...] = ()) -> Recording:
    """Trace a network, and run it from rest on a sample; its state stays as it was.

    Args:
        net: The network.
        samples: One step's inputs, ``[batch, ...]``; None for a state that is at rest.
        extra: Arguments after them, which are no tensors.

    Returns:
        The recording.

    Raises:
        NIRError: ``NIR404`` if ``forward`` has no fixed graph, ``NIR405`` if it does not take the sample, ``NIR410`` if
            a layer acts differently while training.

    Example:
        >>> recording = record(nn.Sequential(nn.Linear(3, 2)), (torch.zeros(1, 3),))
        >>> call = recording.calls()[-1]
        >>> recording.path(call), recording.values[call].shape
        ('0', torch.Size([1, 2]))
    """
    owner = type(net).__name__
    try:
        with _at_rest(net):  # a forward may forget states, which is then no change
            packed = _Packed(net, len(samples), extra)
            graph, modules = trace(packed)
            if not (any(is_stack(node) for node in graph.nodes) or _is_passed_states(net)):
                trace(packed, resets_first=False)  # one step, and no loop, which may start at rest
    except Untraceable as why:
        raise refusal("NIR404", owner, str(why).replace("'net.", "'")) from why  # a path in the network itself
    except ValueError as why:
        found = "it leaves values in a container outside of the call"
        raise refusal("NIR404", owner, found, "return them") from why
    for node in graph.nodes:
        _put_input_first(node, modules)
        if node.op == "call_module":
            _check_evaluating(modules[str(node.target)], str(node.target).removeprefix(_PREFIX + "."))
    runner = _Interpreter(fx.GraphModule(modules[""], graph))
    with _at_rest(net), torch.no_grad():
        try:
            runner.run(samples)
        except (RuntimeError, ValueError, TypeError, IndexError) as why:
            shapes = ", ".join(str(tuple(x.shape)) for x in samples if x is not None)
            first_line = str(why).strip().split("\n")[0]
            raise refusal("NIR405", owner, f"a sample of shape {shapes} gives: {first_line}") from why
    _check_same(net, runner.module, samples, extra)
    return Recording(graph, modules, runner.values)


def _is_passed_states(net: nn.Module) -> bool:
    return any(isinstance(m, SpikingNeuron) and not m.init_hidden for m in net.modules())


def _put_input_first(node: fx.Node, modules: dict[str, nn.Module]) -> None:
    """Give a call its inputs by position, where they were given by name."""
    if node.op == "call_module" and not node.args:
        names = list(inspect.signature(modules[str(node.target)].forward).parameters)[:1]
    elif node.op in ("call_function", "call_method"):
        names = ["input", "other"][len(node.args) :]
    else:
        return
    for name in names:
        if name not in node.kwargs:
            return
        node.args = (*node.args, node.kwargs[name])
        node.kwargs = {key: value for key, value in node.kwargs.items() if key != name}


def _check_same(net: nn.Module, traced: Any, samples: tuple[Tensor | None, ...], extra: tuple[Any, ...]) -> None:
    """Refuse a network whose trace computes something else, as one does that changes values in place."""
    generator = torch.Generator().manual_seed(0)
    drawn = [_like(x, generator) for x in samples]
    runs = [lambda: net(*(None if x is None else x.clone() for x in drawn), *extra), lambda: traced(tuple(drawn))]
    outs = []
    for run in runs:
        with torch.no_grad(), torch.random.fork_rng(devices=[]), _at_rest(net):
            torch.manual_seed(0)
            outs.append(tree_leaves(run()))
    for a, b in zip(*outs, strict=True):
        if isinstance(a, Tensor) and not torch.allclose(a, b, equal_nan=True):
            what = "what it computes is not what its calls compute one by one"
            raise refusal("NIR404", type(net).__name__, what, "do not change values in place")


def _like(x: Tensor | None, generator: torch.Generator) -> Tensor | None:
    """Random values in place of a sample, which may be zeros; a state at rest stays."""
    if x is None or x.dim() < 2 or not x.is_floating_point():
        return x
    return (2 * torch.rand(x.shape, generator=generator)).to(x)


def _check_evaluating(module: nn.Module, path: str) -> None:
    draws = isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0
    normalises = isinstance(module, nn.modules.batchnorm._BatchNorm)
    if module.training and (draws or normalises):
        raise refusal("NIR410", f"{path!r} ({type(module).__name__})", "it is in training mode")


@contextmanager
def _at_rest(net: nn.Module) -> Iterator[None]:
    kept = [(m, {n: v for n, v in vars(m).items() if n in _KEPT}) for m in net.modules() if isinstance(m, Temporal)]
    try:
        for module, _ in kept:
            vars(module).update(_kept=None, _stateless=_SILENT)
        yield
    finally:
        for module, attributes in kept:
            for name in _KEPT:
                vars(module).pop(name, None)
            vars(module).update(attributes)
