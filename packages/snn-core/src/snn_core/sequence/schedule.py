"""Whether a net may run layer by layer over a whole sequence, with the reason."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from snn_core import kernels
from snn_core.kernels import products
from snn_core.neuron.firing import Firing
from snn_core.neuron.spiking import SpikingNeuron
from snn_core.neuron.temporal import Temporal, as_floating
from snn_core.neuron.whole_sequence import WholeSequence
from snn_core.neurons.bntt import BatchNormTT1d, BatchNormTT2d
from snn_core.neurons.gradedspikes import GradedSpikes
from snn_core.neurons.stateleaky import StateLeaky
from snn_core.sequence.layers import NotSampleWise, axes_after, is_known
from snn_core.sequence.loop import modes
from snn_core.sequence.memory_plan import HOOKS, MemoryPlan
from snn_core.sequence.observed import has_own_forward
from snn_core.sequence.plan import Place, Plan, Step
from snn_core.sequence.random_states import RandomStates
from snn_core.sequence.steps import Layer as LayerCall
from snn_core.sequence.steps import Product, Sequence

__all__ = ["Layer", "Schedule", "chain_of", "described", "gains_from_blocks", "known_ahead", "must_have_no_hooks"]

LAYERS = "every node acts on each sample alone or is a neuron"


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
    proved; None where it was not. ``plan`` is what runs it.
    """

    kind: str
    reason: str
    layers: tuple[Layer, ...] = ()
    blocks: bool = False
    memory: MemoryPlan | None = None
    modes: tuple[bool, ...] | None = field(default=None, repr=False, compare=False)
    plan: Plan | None = field(default=None, repr=False, compare=False)

    def holds_for(self, net: nn.Module) -> bool:
        """Return True if a net may still run so: no mode, hook or module has changed since it was planned.

        Example:
            >>> import snn_core as snn
            >>> net = nn.Sequential(nn.Dropout(), snn.Leaky(beta=0.9, init_hidden=True)).eval()
            >>> how = snn.backends.explain(net, torch.zeros(5, 1, 3))
            >>> how.holds_for(net), how.holds_for(net.train())
            (True, False)
        """
        if self.kind == "steps":
            return True
        if self.plan is None or self.plan.holds_tensors or self.modes != modes(net) or not self.plan.fits(net):
            return False
        try:
            must_have_no_hooks(net)
        except NotSampleWise:
            return False
        return True

    def after(self, how: Mapping[str, str]) -> Schedule:
        """Return the schedule once it has run, with how its linear layers were computed, by path.

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


def chain_of(net: nn.Module, path: str = "") -> list[tuple[str, nn.Module]] | None:
    """Return the layers of a (nested) ``nn.Sequential``, in order, by path; None for a net with code of its own."""
    if _is_leaf(net):
        return [(path, net)]
    if type(net) is not nn.Sequential or has_own_forward(net):
        return None
    chain: list[tuple[str, nn.Module]] = []
    for name, child in net._modules.items():  # named_children() would skip a module used again
        part = None if child is None else chain_of(child, f"{path}.{name}" if path else name)
        if part is None:
            return None
        chain += part
    return chain


def _is_leaf(module: nn.Module) -> bool:
    if has_own_forward(module):
        return False
    if isinstance(module, SpikingNeuron):
        return _reads_as_written(module)
    if isinstance(module, Temporal | Firing | GradedSpikes):
        return True
    return is_known(module)


def _reads_as_written(neuron: SpikingNeuron) -> bool:
    """Return True if calling a neuron does what its class says, and nothing else."""
    kind: Any = type(neuron)
    return kind.__call__ is nn.Module.__call__ and kind.forward in (SpikingNeuron.forward, WholeSequence.forward)


def known_ahead(net: nn.Module, xs: Tensor, describe: bool = True) -> Schedule | None:
    """Decide how to run a net over ``xs[T, batch, ...]`` as far as its structure tells.

    Args:
        net: The net.
        xs: Its input over time.
        describe: List the layers and how each will run, which takes longer than to decide.

    Returns:
        The schedule, with the layer and the reason where the net must run step by step; None for a net with code of its
        own, whose first step tells.

    Example:
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> print(known_ahead(net, torch.zeros(5, 1, 3)))
        layer by layer: every node acts on each sample alone or is a neuron
          0  Linear: all steps at once...
          1  Leaky: ...
    """
    chain = chain_of(net)
    try:
        if xs.dim() < 2:
            raise NotSampleWise(f"the input has no axis but time, shape {tuple(xs.shape)}")
        must_have_no_hooks(net)
        if chain is None:
            compiled = next((path for path, m in net.named_modules() if products.is_compiled(m)), None)
            if compiled is not None:
                raise NotSampleWise(f"{compiled or 'the net'!r} is compiled, and runs as it was")
            return None
        plan = plan_of_chain(net, chain, xs.dim() - 1)
    except NotSampleWise as why:
        return Schedule("steps", str(why))
    layers = described(plan.steps, net, inputs_of_chain(chain, xs), len(xs)) if describe else ()
    return Schedule("layers", LAYERS, layers, plan.gains_from_blocks, modes=modes(net), plan=plan)


def plan_of_chain(net: nn.Module, chain: list[tuple[str, nn.Module]], axes: int) -> Plan:
    """Return the plan of a net that is a chain of layers.

    Args:
        net: The net.
        chain: Its layers by path, in order.
        axes: The number of axes of one step's input.

    Returns:
        The plan; the same one as long as the layers are.

    Raises:
        NotSampleWise: If a layer is not a neuron called once, nor acts on each sample alone.
    """
    seen: set[nn.Module] = set()
    value: Any = axes
    for path, module in chain:
        value = _after(path or "the net", module, value, seen)
    modules = tuple(map(id, [module for _, module in chain]))
    if torch.compiler.is_compiling():
        return _planned(net, chain)
    known = _CHAINS.get(net)
    if known is None or known[0] != modules:
        known = _CHAINS[net] = modules, _planned(net, chain)
    return known[1]


_CHAINS: weakref.WeakKeyDictionary[nn.Module, tuple[tuple[int, ...], Plan]] = weakref.WeakKeyDictionary()


def _planned(net: nn.Module, chain: list[tuple[str, nn.Module]]) -> Plan:
    steps = []
    for index, (path, module) in enumerate(chain):
        compute = Sequence() if isinstance(module, Temporal) else LayerCall()
        steps.append(Step(compute, path, type(module).__name__, (Place(index),), {}, (index + 1,)))
    return Plan(steps, Place(len(chain)), gains_from_blocks(net))


def gains_from_blocks(net: nn.Module) -> bool:
    """Return True if a net is faster over some steps at a time than over all.

    A large matrix product gains from all steps at once. A convolution does not, and would write all its output to
    memory before the next layer reads it back. A net that takes whole sequences cannot be cut.
    """
    convolutions = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    modules = list(net.modules())
    return any(isinstance(m, convolutions) for m in modules) and not any(isinstance(m, WholeSequence) for m in modules)


def _after(path: str, module: nn.Module, count: Any, seen: set[nn.Module]) -> Any:
    """The number of axes that a module gives for one tensor with ``count`` axes a step, or that they are several."""
    name = f"{path!r} ({type(module).__name__})"
    if not isinstance(count, int):
        raise NotSampleWise(f"{name} is called with something else than the one output of a layer")
    if not isinstance(module, Temporal):
        try:
            return axes_after(module, count)
        except NotSampleWise as why:
            raise NotSampleWise(f"{path!r}: {why}") from None
    if module in seen:
        raise NotSampleWise(f"{name} is called twice in one step")
    seen.add(module)
    if isinstance(module, WholeSequence):
        return ("outputs", count) if isinstance(module, StateLeaky) and module.output else count
    if isinstance(module, SpikingNeuron):
        if not module.init_hidden:
            raise NotSampleWise(f"{name} has init_hidden=False")
        return ("outputs", count) if module.output else count
    return count


def must_have_no_hooks(net: nn.Module) -> None:
    """Refuse a net with a hook, which would see all steps at once.

    Raises:
        NotSampleWise: If it has one, or all modules have.
    """
    for path, module in net.named_modules():
        if any(getattr(module, kind) for kind in HOOKS):
            where = repr(path) if path else "the net"
            raise NotSampleWise(f"{where} ({type(module).__name__}) has a hook, which expects one step at a time")
    if any(getattr(torch.nn.modules.module, f"_global{kind}") for kind in HOOKS):
        raise NotSampleWise("a hook on all modules expects one step at a time")


def described(calls: Iterable[Step], net: nn.Module, inputs: list[Tensor | None], steps: int) -> tuple[Layer, ...]:
    """Return what a plan calls, and how each call will run.

    Args:
        calls: The steps of the plan.
        net: The net.
        inputs: One step's input ``[batch, ...]`` of each call; None behind one that fails.
        steps: Number of time steps.

    Returns:
        A row for each call of a layer or neuron.
    """
    modules: dict[str, Any] = dict(net.named_modules(remove_duplicate=False))
    rows: list[Layer] = []
    for step, x in zip(calls, inputs, strict=True):
        if type(modules.get(step.path)).__name__ != step.kind:
            continue  # a function that the net's own code calls
        if isinstance(step.compute, Sequence | LayerCall):
            how = _how(modules[step.path], x, steps)
        elif isinstance(step.compute, Product) and x is not None:
            how = products.expected(x.device.type)
        else:
            how = "all steps at once"
        row = Layer(step.path, step.kind, how)
        if not rows or (rows[-1].path, rows[-1].kind) != (row.path, row.kind):
            rows.append(row)
    return tuple(rows)


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


def inputs_of_chain(chain: list[tuple[str, nn.Module]], xs: Tensor) -> list[Tensor | None]:
    """Return what each module of a chain is called with in one step of zeros.

    Nothing is kept of the step, and no random number is used up.

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
    numbers = RandomStates()
    try:
        with torch.no_grad():
            x = xs.new_zeros(xs.shape[1:])
            for _, module in chain:
                inputs.append(x)
                x = _one_step(module, x)
    except (RuntimeError, ValueError, TypeError, IndexError):
        inputs += [None] * (len(chain) - len(inputs))
    finally:
        if numbers.moved():
            numbers.restore()
    return inputs


def _one_step(module: nn.Module, x: Tensor) -> Any:
    if isinstance(module, WholeSequence):
        out = module(x.unsqueeze(0))
        return tuple(o[0] for o in out) if isinstance(out, tuple) else out[0]
    if isinstance(module, SpikingNeuron):
        spk, state = module.step(x)
        return module.outputs(spk, state) if module.output else spk
    return x if isinstance(module, Temporal) else module(x)
