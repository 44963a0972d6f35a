"""The schedule of a net over a sequence, and the reasons for it, in a form for users."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from snn_core.effects.copies import copied
from snn_core.effects.random_states import RandomStates
from snn_core.engines import products
from snn_core.engines.dtypes import is_autocast
from snn_core.graph.rules import way_of
from snn_core.graph.steps import Step, Whole
from snn_core.graph.watching import Watch
from snn_core.neuron.choice import choose
from snn_core.neuron.history import History
from snn_core.neuron.makeup import Makeup
from snn_core.neuron.spiking import SpikingNeuron
from snn_core.neuron.temporal import Temporal, as_floating
from snn_core.neuron.whole_sequence import WholeSequence
from snn_core.neurons.bntt import BatchNormTT1d, BatchNormTT2d
from snn_core.results import Line, Result
from snn_core.sequence.execution import Plan
from snn_core.sequence.memory_plan import MemoryPlan
from snn_core.sequence.remedies import remedy_of


@dataclass(frozen=True)
class Layer:
    """One node of a net that runs layer by layer: its path, its kind, and how it runs."""

    path: str
    kind: str
    how: str


class Basis(Protocol):
    """Everything on which a schedule depends besides its plan."""

    def holds(self, plan: Plan, net: nn.Module, xs: Tensor | None) -> bool:
        """Return True if a plan is right for a net as it is now, and for an input, if there is one."""
        ...


@dataclass(frozen=True, repr=False)
class Schedule(Result):
    """The way in which a net runs over a sequence: ``kind`` is ``"layers"`` or ``"steps"``, ``reason`` says why.

    Printed, a net that runs step by step also says what to change so that it runs layer by layer.

    With ``blocks``, the layers see only as many steps at a time as run fast together. ``memory`` tells how the sequence
    was cut to fit into a budget, if there is one. ``plan`` is the plan that runs it, and ``basis`` is what it depends
    on; without a basis, the schedule holds for a single call.
    """

    kind: str
    reason: str
    layers: tuple[Layer, ...] = ()
    blocks: bool = False
    memory: MemoryPlan | None = None
    plan: Plan | None = field(default=None, repr=False, compare=False)
    basis: Basis | None = field(default=None, repr=False, compare=False)
    _headed: ClassVar[bool] = False

    def holds_for(self, net: nn.Module, xs: Tensor | None = None) -> bool:
        """Return True if a net may still run this way: nothing has changed that the schedule depends on.

        Args:
            net: The net for which the schedule was made.
            xs: Its input ``[T, batch, ...]``; None if it is like the one for which the schedule was made.

        Example:
            >>> import snn_core as snn
            >>> net = nn.Sequential(nn.Dropout(), snn.Leaky(beta=0.9, init_hidden=True)).eval()
            >>> how = snn.backends.explain(net, torch.zeros(5, 1, 3))
            >>> how.holds_for(net), how.holds_for(net.train())
            (True, False)
        """
        if self.kind == "steps":
            return True
        if self.plan is None or self.plan.held or self.basis is None:
            return False
        return self.basis.holds(self.plan, net, xs)

    def after(self, how: Mapping[str, str], once: Collection[str] = ()) -> Schedule:
        """Return the schedule, completed with what became known while it ran.

        Args:
            how: Descriptions of how its linear layers and convolutions were computed, by path.
            once: The paths of the layers that were computed in one step only, as their input was the same in all steps.

        Example:
            >>> planned = Schedule("layers", "asserted", (Layer("fc", "Linear", "all steps at once"),))
            >>> print(planned.after({"fc": "dense product"}))
            layer by layer: asserted
              fc  Linear: all steps at once; dense product
            >>> print(planned.after({"fc": "dense product"}, {"fc"}))
            layer by layer: asserted
              fc  Linear: one step, as its input is the same in all; dense product
        """

        def ran(layer: Layer) -> Layer:
            steps = "one step, as its input is the same in all" if layer.path in once else layer.how.partition("; ")[0]
            is_product = layer.path in how and layer.how.startswith("all steps")
            product = [how[layer.path]] if is_product else []
            return replace(layer, how="; ".join([steps, *product])) if product or layer.path in once else layer

        return replace(self, layers=tuple(map(ran, self.layers)))

    def _lines(self) -> list[Line]:
        head = {"layers": "layer by layer", "steps": "step by step"}[self.kind]
        rows = [("", layer.path, f"{layer.kind}: {layer.how}") for layer in self.layers]
        remedy = remedy_of(self.reason) if self.kind == "steps" else ""
        note = [f"  to run layer by layer, {remedy}"] if remedy else []
        note += ["  a block of steps at a time, for its convolutions"] if self.blocks else []
        note += [f"  {self.memory}"] if self.memory else []
        return [f"{head}: {self.reason}", *note, *rows]


def autocast_of(x: Tensor) -> torch.dtype | None:
    """Return the dtype in which autocast computes matrix products of a tensor; None if it is off."""
    return torch.get_autocast_dtype(x.device.type) if is_autocast(x.device.type) else None


def described(calls: Iterable[Step], net: nn.Module, inputs: list[Tensor | None], steps: int) -> tuple[Layer, ...]:
    """List a plan's calls of layers and neurons and how each will run, given each one's input in one step, or None."""
    modules: dict[str, Any] = dict(net.named_modules(remove_duplicate=False))
    rows: list[Layer] = []
    for step, x in zip(calls, inputs, strict=True):
        module = modules[step.path]
        if type(module).__name__ != step.kind and step.way in ("rows", "sequence"):
            continue  # it is a function that the net's own code calls
        whole = isinstance(step.compute, Whole) or x is not None
        how = _how(module, x, steps) if step.way == "rows" and whole else _WAYS[step.way]
        row = Layer(step.path, step.kind, f"{how} ({step.why})" if step.why else how)
        if not rows or (rows[-1].path, rows[-1].kind) != (row.path, row.kind):
            rows.append(row)
        elif step.why and rows[-1].how.startswith("all steps"):  # what keeps a layer of several calls from all steps
            rows[-1] = row
    return tuple(rows)


_WAYS = {
    "rows": "all steps at once",
    "sequence": "all steps in order, in one call",
    "each": "one step after another",
    "ahead": "before the sequence, one step after another",
}


def _how(module: nn.Module, x: Tensor | None, steps: int) -> str:
    """Describe how a module runs a number of steps, given one step's input ``[batch, ...]``."""
    if x is None:
        return "not reached by this input"
    window: Any = getattr(module, "kernel_truncation_steps", None) or steps
    if window < steps:
        return f"windows of {window} steps, by plain torch operations"
    if isinstance(module, SpikingNeuron):
        x = as_floating(x, type(module).__name__)
        driven = module.driven(x)
        choice = choose(module, driven.expand(steps, *driven.shape))
        return f"{choice.name} ({choice.reason})"
    if isinstance(module, BatchNormTT1d | BatchNormTT2d):
        return "one step after another, each with its own entry"
    if isinstance(module, nn.Linear):
        return products.expected(x.device.type)
    if isinstance(module, nn.Conv2d):
        return products.expected(x.device.type, "conv2d")
    return "all steps at once"


def inputs_of_chain(chain: list[tuple[str, nn.Module]], xs: Tensor) -> list[Tensor | None]:
    """Return the input of each module of a chain in one step of zeros.

    The step leaves no state behind and uses up no random numbers. After a module that fails they are None.

    Raises:
        RuntimeError: If called inside code that ``torch.compile`` compiles.
    """
    if torch.compiler.is_compiling():
        raise RuntimeError(
            "explain=True finds out how a net will run by running a step of it, which cannot be compiled; call it once "
            "outside of the code that torch.compile compiles"
        )
    inputs: list[Tensor | None] = []
    errors = RuntimeError, ValueError, TypeError, IndexError
    with Watch.pausing(), RandomStates(), torch.no_grad(), suppress(*errors):
        x = xs.new_zeros(xs.shape[1:])
        for _, module in chain:
            inputs.append(x)
            if isinstance(module, WholeSequence):
                x = module.of_one_step(type(module).sequence, x)
            elif isinstance(module, History):
                x = module.sequence(x.unsqueeze(0))[0]
            elif isinstance(module, SpikingNeuron):
                twin: Any = module if Makeup.of(module).ours else copied(module)  # a user's code may change it
                x = twin.step(x)[0]
            elif not isinstance(module, Temporal) and way_of(module) == "rows":  # the others keep the form
                x = module(x)
    return inputs + [None] * (len(chain) - len(inputs))
