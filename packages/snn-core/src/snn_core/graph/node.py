"""The calls in one step of a net, with their arguments and what is known of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from snn_core.effects.reads import name_of
from snn_core.graph.steps import NotSampleWise


@dataclass(eq=False)
class Node:
    """A call of a function, or of a module as a whole, in one step, with real tensors.

    Args:
        func: The function, as torch's function modes see it; for a module, its class.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        tensors: The tensors among the arguments.
        grad: True if it is called with the recording of gradients on.
        module: The module; None for a function.
        out: The result; None until the call is over.
        versions: The numbers of in-place changes to the tensors before the call; empty if nothing asks for them.
        written: The tensors among the arguments that it overwrites.
        twin: The function that computes what it writes, and overwrites no tensor; None if it overwrites none but
            buffers.
        draws: True if it draws numbers from torch's generators.
        of_step: The identities of those tensors that are computed again in every step; others are the same in all.
    """

    func: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    tensors: list[Tensor]
    grad: bool
    module: nn.Module | None = None
    out: Any = None
    versions: list[int] = field(default_factory=list)
    written: list[Tensor] = field(default_factory=list)
    twin: Any = None
    draws: bool = False
    of_step: frozenset[int] = frozenset()

    @property
    def name(self) -> str:
        return repr(name_of(self.func))

    @property
    def axes(self) -> int:
        """The number of axes of the first argument, which must be the only one computed again in every step."""
        return self.first().dim()

    def argument(self, index: int, name: str, default: Any = None) -> Any:
        """Return an argument that may be passed by position or by name."""
        return self.args[index] if len(self.args) > index else self.kwargs.get(name, default)

    def is_of_step(self, value: Any) -> bool:
        """Return True for an argument that is computed again in every step."""
        return id(value) in self.of_step

    def first(self) -> Tensor:
        """Return the first argument, which must have one row per sample and be the only one that differs between steps.

        Raises:
            NotSampleWise: If that does not hold.
        """
        if not self.tensors or not self.is_of_step(self.tensors[0]) or any(map(self.is_of_step, self.tensors[1:])):
            raise self.unknown()
        return self.tensors[0]

    def results(self) -> list[Tensor]:
        """Return the results, which must be tensors.

        Raises:
            NotSampleWise: If one is not.
        """
        leaves = tree_leaves(self.out)
        if not all(isinstance(leaf, Tensor | None) for leaf in leaves):
            raise NotSampleWise(f"{self.name} returns something other than tensors")
        return [leaf for leaf in leaves if leaf is not None]

    def unknown(self) -> NotSampleWise:
        return NotSampleWise(f"{self.name} is not known to act on each sample alone")


def first_by_position(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a call with the input first, even if it was passed by name."""
    name = next((n for n in ("input", "tensors") if n in kwargs), None)
    if args or name is None or not _BEFORE.isdisjoint(kwargs):
        return args, kwargs
    return (kwargs[name],), {key: value for key, value in kwargs.items() if key != name}


_BEFORE = frozenset({"condition", "sorted_sequence"})  # the parameters that come before an input


def flat(values: Any) -> list[Any]:
    """Return the values in tuples, lists and dicts, at any depth."""
    if isinstance(values, dict):
        values = tuple(values.values())
    return [leaf for value in values for leaf in flat(value)] if isinstance(values, tuple | list) else [values]


def tensors_in(values: Any) -> list[Tensor]:
    """Return the tensors among the values in tuples, lists and dicts."""
    return [value for value in flat(values) if isinstance(value, Tensor)]
