"""The steps of a plan, as the calls of one recorded step become them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from snn_core.effects.reads import name_of
from snn_core.graph import calls, draws
from snn_core.graph.node import Node
from snn_core.graph.observed import Fact, Observed
from snn_core.graph.steps import DRAWS, Named, Neuron, NotSampleWise, Place, Step, Way


class Listing:
    """The steps so far, which calls are added to in order.

    Args:
        values: The values of the recorded step; the results of the calls are added to them.
        caller: Function that returns the path of the module that makes a call, and its class if it is one of torch's;
            None to name the owner of the call's parameters, which takes less time.
    """

    def __init__(self, values: Observed, caller: Callable[[], tuple[str, str]] | None) -> None:
        self.values = values
        self.steps: list[Step] = []
        self._caller = caller
        self._with_grad = torch.is_grad_enabled()

    def add(
        self,
        compute: Any,
        node: Node,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        way: Way,
        why: str,
        changes: frozenset[str] = frozenset(),
        owner: tuple[str, str] | None = None,
        after_neuron: bool | None = None,
    ) -> None:
        """Add a call that ``compute`` makes with these arguments; ``owner`` is the module that it calls as a whole.

        Its results depend on what a neuron emits if an argument does, unless ``after_neuron`` says so.

        Raises:
            NotSampleWise: If an argument or a result has no place in a plan.
        """
        if name_of(node.func) in calls.BY_VALUES or calls.picks_by_values(node):
            raise NotSampleWise(f"{node.name} returns a tensor whose shape depends on values")
        values = self.values
        facts = [values.fact(tensor) for tensor in node.tensors if values.is_of_step(tensor)]
        of_step = way != "rows" or bool(facts) or calls.tells_rows((node.args, node.kwargs))
        node.results()
        encoded = values.encoded(args, way)
        named = {key: values.encoded(value, way) for key, value in kwargs.items()}
        by_sample = bool(facts) and all(fact.by_sample for fact in facts)
        after = any(fact.after_neuron for fact in facts) if after_neuron is None else after_neuron
        keeps = way in ("rows", "sequence") or name_of(node.func) in draws.ELEMENTWISE
        fact = Fact(of_step, own=True, by_sample=by_sample and keeps, after_neuron=after)
        in_buffer = bool(changes) and owner is None and values.is_named(node.out)
        places = () if in_buffer else tuple(values.add(tensor, fact) for tensor in tree_leaves(node.out))
        path, kind = owner or self._named_caller(node, (*encoded, *named.values()))
        several, unsure = not isinstance(node.out, Tensor), of_step and not by_sample
        step = compute, path, kind, encoded, named, places, several, of_step, way, why, changes, unsure
        self.steps.append(Step(*step, self.mode(node.grad)))

    def add_ahead(
        self, compute: Any, node: Node, args: tuple[Any, ...], kwargs: Mapping[str, Any], by_sample: bool
    ) -> Place:
        """Add a call that is made before the run, in place of one in the step, and return its result."""
        number = self.values.add(None, Fact(of_step=True, own=False, by_sample=by_sample, after_neuron=False))
        owner = self._named_caller(node)
        self.steps.append(Step(compute, *owner, args, kwargs, (number,), way="ahead", why=DRAWS))
        return Place(number)

    def add_neuron(self, owner: tuple[str, str], place: Place, out: Any, fact: Fact) -> None:
        """Add a call of a neuron."""
        places = tuple(self.values.add(tensor, fact) for tensor in tree_leaves(out))
        grad = self.mode(torch.is_grad_enabled())
        self.steps.append(Step(Neuron(), *owner, (place,), {}, places, isinstance(out, tuple), grad=grad))

    def mode(self, grad: bool) -> bool | None:
        """Return the mode of a call, as a step has it: None for that in which the plan runs."""
        return None if grad == self._with_grad else grad

    def _named_caller(self, node: Node, values: tuple[Any, ...] = ()) -> tuple[str, str]:
        """Return the path of the module that makes a call, or owns its tensors, and the name of the function."""
        owners = (v.path.rpartition(".")[0] for v in values if isinstance(v, Named))
        path, kind = (next(owners, ""), "") if self._caller is None else self._caller()
        return path, kind or name_of(node.func)
