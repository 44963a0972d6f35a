"""Chains of layers that act on each sample alone, so that all steps may run at once."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from snn_core.engines.products import is_compiled
from snn_core.graph.rules import KNOWN, axes_after
from snn_core.graph.steps import NotSampleWise, hooked
from snn_core.neuron.spiking import SpikingNeuron
from snn_core.neuron.temporal import REPORTING, Temporal
from snn_core.neuron.whole_sequence import WholeSequence
from snn_core.sequence.execution import Plan, in_order
from snn_core.sequence.schedule import Schedule, described, inputs_of_chain

LAYERS = "every node acts on each sample alone or is a neuron"


def chain_of(net: nn.Module | None, path: str = "") -> list[tuple[str, Any]]:
    """Return the layers of a (nested) ``nn.Sequential``, in order, by path; None stands for a net with its own code."""
    if type(net) is not nn.Sequential or "forward" in vars(net):
        return [(path, net if _is_leaf(net) else None)]
    # named_children() would skip a module used again
    children = ((f"{path}.{name}" if path else name, child) for name, child in net._modules.items())
    return [layer for path, child in children for layer in chain_of(child, path)]


def _is_leaf(module: Any) -> bool:
    if module is None or "forward" in vars(module):  # a forward set on this instance alone may do anything
        return False
    kind = type(module)
    if isinstance(module, Temporal):  # calling it does no more than run_steps, which a plan calls instead
        return kind.__call__ is nn.Module.__call__ and kind.forward in REPORTING
    return kind in KNOWN


def known_ahead(net: nn.Module, xs: Tensor, describe: bool = True) -> Schedule | None:
    """Decide how to run a net over ``xs[T, batch, ...]``, as far as its structure allows.

    Describing the layers and how each will run (``describe``) takes longer than the decision alone.

    Returns:
        The schedule, with the layer and the reason if the net must run step by step; None for a net with code of its
        own, whose first step decides.

    Example:
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> print(known_ahead(net, torch.zeros(5, 1, 3)))
        layer by layer: every node acts on each sample alone or is a neuron
          0  Linear: all steps at once...
          1  Leaky: ...
    """
    if xs.dim() < 2:
        return Schedule("steps", f"the input has no axis but time, shape {tuple(xs.shape)}")
    chain = chain_of(net)
    try:
        plan = _planned(net, chain, xs.dim() - 1)
    except NotSampleWise as error:
        return Schedule("steps", str(error))
    if plan is None:
        return None
    layers = described(plan.steps, net, inputs_of_chain(chain, xs), len(xs)) if describe else ()
    return Schedule("layers", LAYERS, layers, plan.gains_from_blocks, plan=plan, basis=_Chain(xs.dim() - 1))


@dataclass(frozen=True)
class _Chain:
    """The basis of the schedule of a chain of layers, for one step's input with ``axes`` axes."""

    axes: int

    def holds(self, plan: Plan, net: nn.Module, xs: Tensor | None) -> bool:
        """Return True if the layers of a net, as they are now, run by the same plan."""
        try:
            now = _planned(net, chain_of(net), self.axes if xs is None else xs.dim() - 1)
        except NotSampleWise:
            return False
        return now is plan or (now is not None and now.steps == plan.steps)


def _planned(net: nn.Module, chain: list[tuple[str, Any]], axes: int) -> Plan | None:
    """Return the plan of a chain of layers, given the axes of one step's input; None for a net with code of its own.

    Raises:
        NotSampleWise: If the net must run step by step.
    """
    why = hooked(net)
    if why is None and any(layer is None for _, layer in chain):
        compiled = next((path or "the net" for path, m in net.named_modules() if is_compiled(m)), None)
        if compiled is None:
            return None
        why = f"{compiled!r} is compiled, and runs as it was compiled"
    if why is not None:
        raise NotSampleWise(why)
    return _plan_of(net, chain, axes)


_SMALL = 2**16  # with at most this many neurons in all samples, calling kernels takes longer than they save in one step


def is_small(net: nn.Module, xs: Tensor) -> bool:
    """Return True if a net is a chain of linear layers and neurons and spends most of the time of a step on calls."""
    count = xs.numel() // len(xs)
    for _, module in chain_of(net):
        if type(module) is nn.Linear:
            count = count // max(module.in_features, 1) * module.out_features
        elif isinstance(module, SpikingNeuron) and module.init_hidden and not isinstance(module, WholeSequence):
            if count > _SMALL:
                return False
        elif type(module) is not nn.Flatten:
            return False
    return True


# plans, with the layers in order; weakly, as a neuron alone is its own key
_PLANS: weakref.WeakKeyDictionary[nn.Module, tuple[Plan, list[weakref.ref[nn.Module]]]] = weakref.WeakKeyDictionary()


def _plan_of(net: nn.Module, chain: list[tuple[str, Any]], axes: int) -> Plan:
    """Return the plan of a chain of layers, given the axes of one step's input; the same one for the same layers.

    Raises:
        NotSampleWise: If a layer neither is a neuron that is called once nor acts on each sample alone.
    """
    called: set[nn.Module] = set()
    returned: tuple[str, ...] = ()
    for path, module in chain:
        if len(returned) > 1:
            axes = 0  # a tuple has no axes
        axes = _after(path or "the net", module, axes, called)
        neuron: Any = module if isinstance(module, Temporal) else None
        returned = getattr(neuron, "output_names", ())
    if torch.compiler.is_compiling():
        return in_order(net, chain)
    known = _PLANS.get(net)
    if known is None or not _is_of(*known, chain):
        known = _PLANS[net] = in_order(net, chain), [weakref.ref(module) for _, module in chain]
    return known[0]


def _is_of(plan: Plan, layers: list[weakref.ref[nn.Module]], chain: list[tuple[str, Any]]) -> bool:
    """Return True if a plan was made for these layers at these places in a net."""
    if len(layers) != len(chain):
        return False
    for layer, step, (path, module) in zip(layers, plan.steps, chain, strict=True):
        if layer() is not module or step.path != path or step.kind != type(module).__name__:
            return False
    return True


def _after(path: str, module: Any, axes: int, called: set[nn.Module]) -> int:
    """Return the number of axes of a layer's output, given the axes of one step's input; 0 if that is a tuple."""
    if axes and not isinstance(module, Temporal):
        return axes_after(path, module, axes)
    why = ""
    if not axes:
        why = "is called with something other than the single output of a layer"
    elif module in called:
        why = "is called twice in one step"
    elif isinstance(module, SpikingNeuron) and not (module.init_hidden or isinstance(module, WholeSequence)):
        why = "has init_hidden=False"
    if why:
        raise NotSampleWise(f"{path!r} ({type(module).__name__}) {why}")
    called.add(module)
    return axes
