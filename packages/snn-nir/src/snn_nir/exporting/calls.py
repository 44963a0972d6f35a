"""Recorded calls of a time step, and those of their values that the graph returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from snn_core import SpikingNeuron


@dataclass(eq=False)
class Call:
    """A call of a module or function, an input of the net, one of several values, or the final return.

    In its arguments, the results of other calls are replaced by those calls.
    """

    kind: str  # the path of the module in the net, empty for the net itself; or the name of the function
    name: str  # unique, made from the kind
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    value: Any  # the result; if it depends on the input of the step, only shapes and dtypes matter
    version: int  # the number of in-place changes to the result at the time of the call
    module: nn.Module | None = None
    of_step: bool = True  # True if it depends on the input of the step, or on a state
    users: list[Call] = field(default_factory=list)  # the calls that use its value

    def leaves(self) -> list[Any]:
        """Return all arguments, including those inside tuples and the like."""
        return tree_leaves((self.args, self.kwargs))

    def inputs(self) -> list[Call]:
        """Return the calls whose values it uses."""
        return list(dict.fromkeys(leaf for leaf in self.leaves() if isinstance(leaf, Call)))

    def calls(self, function: str) -> bool:
        """Return True if it is a call of that function."""
        return self.module is None and self.kind == function

    @property
    def is_item(self) -> bool:
        """True if it takes one of several values."""
        return self.calls("getitem")

    @property
    def is_stack(self) -> bool:
        """True if it stacks the values of all steps on a new first axis."""
        return self.calls("stack") and not (self.args[1:] or self.kwargs.get("dim"))

    @property
    def is_end(self) -> bool:
        """True if it only returns values from the net."""
        return self.calls("output") or (self.is_stack and all(user.calls("output") for user in self.users))

    @property
    def of_one_step(self) -> Call:
        """The call, or that of the first step if it stacks the values of all steps."""
        return self.args[0][0] if self.is_stack else self

    def takes_as_state(self, item: Call) -> bool:
        """Return True if it passes a value to a neuron as its state."""
        return isinstance(self.module, SpikingNeuron) and item is not self.args[0]

    def stays(self, fired: list[Any]) -> bool:
        """Return True for a state that stays with its neuron, given the arguments of the items that are returned."""
        if not self.is_item or self.args[1:] in ((), (0,)):
            return False
        owner = self.args[0]
        if not isinstance(owner.module, SpikingNeuron):
            return False
        return bool(owner.args[1:] or owner.kwargs) or (owner, 0) in fired


class Recording(NamedTuple):
    """The calls of a step, in order."""

    inputs: list[Call | None]  # calls that stand for the inputs; None for a state that is at rest
    calls: list[Call]
    output: Call  # the last call, which returns the outputs

    def returned(self) -> list[Call]:
        """Return the values that become an Output, in order.

        These are all values except states: a neuron's state is left out if the network also returns the neuron's
        spikes, or passes the state to the neuron. If only states are returned, they become Outputs.
        """
        leaves = [leaf for leaf in self.output.args[0] if isinstance(leaf, Call)]
        fired = [leaf.of_one_step.args for leaf in leaves if leaf.of_one_step.is_item]
        return [leaf for leaf in leaves if not leaf.of_one_step.stays(fired)] or leaves

    def used_ports(self, node: Call, names: tuple[str, ...]) -> frozenset[str]:
        """Return the names of a neuron's values that the network uses for more than its state in the next step."""
        if isinstance(node.value, Tensor):
            return frozenset({"spk"})
        items = {user: names[user.args[1]] for user in node.users}
        ends = {leaf.of_one_step for leaf in self.returned()}

        def used(item: Call) -> bool:
            return item in ends or any(not (u.takes_as_state(item) or u.is_end) for u in item.users)

        return frozenset(name for item, name in items.items() if used(item))
