"""Chains of layers that act on each sample alone, so that all steps may run at once."""

from __future__ import annotations

import weakref
from collections import Counter
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from snn_core.engines.products import is_compiled
from snn_core.graph.rules import KNOWN, axes_after, way_of
from snn_core.graph.steps import NotSampleWise, Ones, Way, hooked, order_of
from snn_core.neuron.spiking import SpikingNeuron
from snn_core.neuron.temporal import REPORTING, Temporal
from snn_core.neuron.whole_sequence import WholeSequence
from snn_core.sequence.execution import Plan, in_order
from snn_core.sequence.schedule import Layer, Schedule, autocast_of, described, inputs_of_chain

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
        plan = _planned(net, chain, xs)
    except NotSampleWise as error:
        return Schedule("steps", str(error))
    if plan is None:
        return None
    layers: tuple[Layer, ...] = ()
    if describe:
        inputs = dict(zip((path for path, _ in chain), inputs_of_chain(chain, xs), strict=True))
        layers = described(plan.steps, net, [inputs[step.path] for step in plan.steps], len(xs))
    basis = None if torch.compiler.is_compiling() else _Chain(xs)
    return Schedule("layers", reason_of(plan), layers, plan.gains_from_blocks, plan=plan, basis=basis)


def reason_of(plan: Plan) -> str:
    """Return the reason why a net runs layer by layer, with the numbers of calls that do not see all steps at once."""
    ways = Counter(step.way for step in plan.steps)
    each, ahead = ways["each"], ways["ahead"]
    notes = [f"{each} {'call runs' if each == 1 else 'calls run'} step by step"] if each else []
    notes += [f"{ahead} {'draws' if ahead == 1 else 'draw'} random numbers ahead"] if ahead else []
    return f"{' and '.join(notes)}; all others see all steps at once" if notes else LAYERS


class _Chain:
    """The basis of the schedule of a chain of layers, for input like ``xs``."""

    def __init__(self, xs: Tensor) -> None:
        self._axes, self._form = xs.dim(), _form(xs)

    def holds(self, plan: Plan, net: nn.Module, xs: Tensor | None) -> bool:
        """Return True if the layers of a net, as they are now, run by the same plan."""
        try:
            now = _planned(net, chain_of(net), xs, self._axes, self._form)
        except NotSampleWise:
            return False
        return now is plan or (now is not None and now.steps == plan.steps)


def _planned(
    net: nn.Module, chain: list[tuple[str, Any]], xs: Tensor | None, axes: int = 0, form: Any = None
) -> Plan | None:
    """Return the plan of a chain of layers for an input ``xs``, or for one with these axes and of this form.

    None if the net has code of its own, or is to be recorded for another reason.

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
    return _plan_of(net, chain, xs, axes, form)


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


class _Known(NamedTuple):
    """A plan, and what it was made for."""

    plan: Plan
    layers: list[weakref.ref[nn.Module]]  # in order; weakly, as a neuron alone is its own key
    ways: list[Way]
    form: Any  # of the input and the weights, if random numbers depend on it


_PLANS: weakref.WeakKeyDictionary[nn.Module, _Known] = weakref.WeakKeyDictionary()


def _plan_of(net: nn.Module, chain: list[tuple[str, Any]], xs: Tensor | None, axes: int, form: Any) -> Plan | None:
    """Return the plan of a chain of layers; the same one for the same layers; None if only a record tells.

    Raises:
        NotSampleWise: If a layer is a neuron that is not called once with the output of a layer.
    """
    called: set[nn.Module] = set()
    returned: tuple[str, ...] = ()
    ways: list[Way] = []
    axes = (axes if xs is None else xs.dim()) - 1
    for path, module in chain:
        if len(returned) > 1:
            axes = 0  # a tuple has no axes
        if axes and not isinstance(module, Temporal):
            try:
                axes = axes_after(path or "the net", module, axes)
            except NotSampleWise:
                if torch.compiler.is_compiling():
                    raise
                return None
        else:
            _must_be_called_once(path or "the net", module, axes, called)
        neuron: Any = module if isinstance(module, Temporal) else None
        returned = getattr(neuron, "output_names", ())
        ways.append("rows" if neuron is not None else way_of(module))
    draws = "ahead" in ways
    if torch.compiler.is_compiling():
        if draws:
            raise NotSampleWise("compiled code draws random numbers in the order of the loop only step by step")
        return in_order(net, chain, {})
    if draws:
        form = (form if xs is None else _form(xs)), [order_of(p) for p in net.parameters()]
    known = _PLANS.get(net)
    if known is None or not _is_of(known, chain) or known.ways != ways or (draws and known.form != form):
        forms = _forms(chain, ways, xs) if draws else {}
        if forms is None:
            return None
        known = _Known(in_order(net, chain, forms), [weakref.ref(module) for _, module in chain], ways, form)
        _PLANS[net] = known
    return known.plan


def _form(xs: Tensor) -> Any:
    """Return everything about an input that the forms of a chain's values depend on, but for its batch."""
    return xs.shape[2:], order_of(xs[0]), xs.dtype, xs.device, autocast_of(xs)


def _forms(chain: list[tuple[str, Any]], ways: list[Way], xs: Tensor | None) -> dict[str, Ones] | None:
    """Return the forms of the inputs of layers that draw random numbers, by path; None if they are not known."""
    if xs is None:
        return None
    inputs = inputs_of_chain(chain, xs)
    drawing = [(path, x) for (path, _), way, x in zip(chain, ways, inputs, strict=True) if way == "ahead"]
    if any(x is None for _, x in drawing):
        return None
    return {path: Ones.like(x, by_sample=True) for path, x in drawing if x is not None}


def _is_of(known: _Known, chain: list[tuple[str, Any]]) -> bool:
    """Return True if a plan was made for these layers at these places in a net."""
    steps = {step.path: step.kind for step in known.plan.steps}
    if len(known.layers) != len(chain):
        return False
    for layer, (path, module) in zip(known.layers, chain, strict=True):
        if layer() is not module or steps.get(path) != type(module).__name__:
            return False
    return True


def _must_be_called_once(path: str, module: Any, axes: int, called: set[nn.Module]) -> None:
    """Refuse a neuron that is not called once with the single output of a layer; 0 axes stand for a tuple."""
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
