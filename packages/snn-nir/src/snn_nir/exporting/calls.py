"""Recorded calls of a time step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torch import nn
from torch.utils._pytree import tree_leaves


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


class Recording(NamedTuple):
    """The calls of a step, in order."""

    inputs: list[Call | None]  # calls that stand for the inputs; None for a state that is at rest
    calls: list[Call]
    output: Call  # the last call, which returns the outputs
