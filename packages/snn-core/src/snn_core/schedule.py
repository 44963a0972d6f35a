"""Whether a net may run layer by layer over a whole sequence, decided from its structure, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, fx, nn

from snn_core import kernels
from snn_core.bntt import BatchNormTT1d, BatchNormTT2d
from snn_core.kernels import products
from snn_core.memory_plan import HOOKS, MemoryPlan
from snn_core.neuron import SpikingNeuron
from snn_core.one_step import check_reshapes, inputs_of_calls, inputs_of_chain
from snn_core.runs import modes
from snn_core.samplewise import NotSampleWise, axes_after
from snn_core.samplewise_functions import axes_after_function
from snn_core.stateleaky import StateLeaky
from snn_core.temporal import Temporal, as_floating
from snn_core.tracing import Untraceable, chain_of, trace
from snn_core.watched import has_own_forward
from snn_core.whole_sequence import WholeSequence

__all__ = ["Layer", "Schedule", "gains_from_blocks", "plan"]


@dataclass(frozen=True)
class Layer:
    """One node of a net that runs layer by layer: where it is, what it is, and how it runs."""

    path: str
    kind: str
    how: str


@dataclass(frozen=True)
class Schedule:
    """How a net is run over a sequence: ``kind`` is ``"layers"`` or ``"steps"``, ``reason`` says why.

    With ``blocks`` the layers see as many steps at a time as are fast together, in place of all. ``memory`` is how the
    sequence was cut to fit into a budget, if one was given. ``modes`` are those of the net's modules for which it was
    proved; None where it was not.
    """

    kind: str
    reason: str
    layers: tuple[Layer, ...] = ()
    blocks: bool = False
    memory: MemoryPlan | None = None
    modes: tuple[bool, ...] | None = field(default=None, repr=False, compare=False)

    def holds_for(self, net: nn.Module) -> bool:
        """Whether a net may run so still: no mode of a module has changed, and no hook has come, since it was planned.

        Example:
            >>> import snn_core as snn
            >>> net = nn.Sequential(nn.Dropout(), snn.Leaky(beta=0.9, init_hidden=True)).eval()
            >>> how = plan(net, torch.zeros(5, 1, 3))
            >>> how.holds_for(net), how.holds_for(net.train())
            (True, False)
        """
        if self.kind == "steps" or self.modes is None:
            return True
        try:
            _no_hooks(net)
        except NotSampleWise:
            return False
        return self.modes == modes(net)

    def after(self, how: Mapping[str, str]) -> Schedule:
        """The schedule once it has run, with how its ``Linear`` layers were computed, by path.

        Example:
            >>> planned = Schedule("layers", "asserted", (Layer("fc", "Linear", "all steps at once"),))
            >>> print(planned.after({"fc": "dense product"}))
            layer by layer: asserted
              fc  Linear: all steps at once; dense product
        """
        ran = (replace(r, how=f"all steps at once; {how[r.path]}") if r.path in how else r for r in self.layers)
        return replace(self, layers=tuple(ran))

    def __str__(self) -> str:
        head = {"layers": "layer by layer", "steps": "step by step"}[self.kind]
        width = max((len(layer.path) for layer in self.layers), default=0)
        rows = [f"  {layer.path:<{width}}  {layer.kind}: {layer.how}" for layer in self.layers]
        note = ["  a block of steps at a time, for its convolutions"] if self.blocks else []
        note += [f"  {self.memory}"] if self.memory else []
        return "\n".join([f"{head}: {self.reason}", *note, *rows])


def plan(net: nn.Module, xs: Tensor, describe: bool = True) -> Schedule:
    """Decide how to run a net over ``xs[T, batch, ...]``.

    Layer by layer is chosen where it is provably the same as the loop: every node of the net is a neuron called once,
    or acts on each sample alone.

    Args:
        net: The net.
        xs: Its input over time.
        describe: List the layers and how each will run, which takes longer than to decide.

    Returns:
        The schedule, with the node and the reason where the net must run step by step.

    Example:
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> print(plan(net, torch.zeros(5, 1, 3)))
        layer by layer: every node acts on each sample alone or is a neuron
          0  Linear: all steps at once...
          1  Leaky: ...
    """
    try:
        if xs.dim() < 2:
            raise NotSampleWise(f"the input has no axis but time, shape {tuple(xs.shape)}")
        _no_hooks(net)
        why = "every node acts on each sample alone or is a neuron"
        called, inputs = _called(net, xs)
        layers = ()
        if describe:
            steps = zip(called, inputs(), strict=True)
            layers = tuple(Layer(path, type(m).__name__, _how(m, x, len(xs))) for (path, m), x in steps)
        return Schedule("layers", why, layers, gains_from_blocks(net), modes=modes(net))
    except (NotSampleWise, Untraceable) as why:
        return Schedule("steps", str(why))


def gains_from_blocks(net: nn.Module) -> bool:
    """Whether a net is faster over some steps at a time than over all.

    A large matrix product gains from all steps at once. A convolution does not, and would write all its output to
    memory before the next layer reads it back. A net that takes whole sequences cannot be cut.
    """
    convolutions = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    modules = list(net.modules())
    return any(isinstance(m, convolutions) for m in modules) and not any(isinstance(m, WholeSequence) for m in modules)


def _called(net: nn.Module, xs: Tensor) -> tuple[list[tuple[str, nn.Module]], Callable[[], list[Tensor | None]]]:
    """The modules that a net calls, in order, by path, each of which was found to act on samples alone.

    Also what says of each what it is called with in one step, which takes running one.
    """
    chain = chain_of(net)
    if chain is None:
        return _called_by_graph(net, xs)
    seen: set[nn.Module] = set()
    value: Any = xs.dim() - 1
    for path, module in chain:
        value = _after_module(path, module, value, seen)
    return chain, lambda: inputs_of_chain(chain, xs)


def _called_by_graph(
    net: nn.Module, xs: Tensor
) -> tuple[list[tuple[str, nn.Module]], Callable[[], list[Tensor | None]]]:
    graph, modules = trace(net, resets_first=False)
    axes: dict[fx.Node, Any] = {}
    called: list[tuple[str, nn.Module]] = []
    seen: set[nn.Module] = set()
    for node in graph.nodes:
        if node.op == "placeholder":
            axes[node] = xs.dim() - 1
        elif node.op == "call_module":
            module, path = modules[str(node.target)], str(node.target).removeprefix("net.")
            alone = len(node.args) == 1 and not node.kwargs and isinstance(node.args[0], fx.Node)
            axes[node] = _after_module(path, module, axes[node.args[0]] if alone else None, seen)
            called.append((path, module))
        elif node.op == "get_attr":
            axes[node] = None
        elif node.op in ("call_function", "call_method"):
            axes[node] = axes_after_function(node, axes, net, xs)
        else:
            _check_output(node, axes)
    check_reshapes(graph, modules, xs)
    return called, lambda: inputs_of_calls(graph, modules, xs)


def _after_module(path: str, module: nn.Module, count: Any, seen: set[nn.Module]) -> Any:
    """What a module gives for one tensor with ``count`` axes a step: the number of axes, or several tensors'."""
    name = f"{path!r} ({type(module).__name__})"
    if not isinstance(count, int):
        raise NotSampleWise(f"{name} is called with something else than the one output of a layer")
    if isinstance(module, Temporal):
        if module in seen:
            raise NotSampleWise(f"{name} is called twice in one step")
        seen.add(module)
        if isinstance(module, WholeSequence):
            return ("outputs", count) if isinstance(module, StateLeaky) and module.output else count
        if isinstance(module, SpikingNeuron):
            if type(module).forward is not SpikingNeuron.forward:
                raise NotSampleWise(f"{name} has a forward of its own")
            if not module.init_hidden:
                raise NotSampleWise(f"{name} has init_hidden=False")
            return ("outputs", count) if module.output else count
        return count
    try:
        return axes_after(module, count)
    except NotSampleWise as why:
        raise NotSampleWise(f"{path!r}: {why}") from None


def _how(module: nn.Module, x: Tensor | None, steps: int) -> str:
    """How a module runs so many steps of such an input ``[batch, ...]``."""
    if x is None:
        return "not reached by this input"
    if isinstance(module, StateLeaky) and (module.kernel_truncation_steps or steps) < steps:
        return f"windows of {module.kernel_truncation_steps} steps, by plain torch operations"
    if isinstance(module, SpikingNeuron):
        x = as_floating(x, type(module).__name__)
        driven = module.drive(x) if isinstance(module, StateLeaky) else x
        choice = kernels.choose(module, driven.expand(steps, *driven.shape))
        return f"{choice.name} ({choice.reason})"
    if isinstance(module, BatchNormTT1d | BatchNormTT2d):
        return "one step after the other, each with its own entry"
    if isinstance(module, nn.Linear):
        return products.expected(x.device.type)
    return "all steps at once"


def _check_output(node: fx.Node, axes: dict[fx.Node, Any]) -> None:
    def check(value: fx.Node) -> fx.Node:
        if not (isinstance(axes[value], int) or (isinstance(axes[value], tuple) and axes[value][0] == "outputs")):
            raise NotSampleWise(f"the net returns {value.name!r}, which has no batch axis")
        return value

    fx.map_arg(node.args, check)


def _no_hooks(net: nn.Module) -> None:
    for path, module in net.named_modules():
        if has_own_forward(module):
            where = repr(path) if path else "the net"
            raise NotSampleWise(f"{where} ({type(module).__name__}) has a forward of its own, which is not its class's")
        if any(getattr(module, kind) for kind in HOOKS):
            where = repr(path) if path else "the net"
            raise NotSampleWise(f"{where} ({type(module).__name__}) has a hook, which expects one step at a time")
    if any(getattr(torch.nn.modules.module, f"_global{kind}") for kind in HOOKS):
        raise NotSampleWise("a hook on all modules expects one step at a time")
