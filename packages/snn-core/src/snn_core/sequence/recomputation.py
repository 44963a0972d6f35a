"""Segments of a sequence that run again in the backward pass, from the same start, and leave no trace in the net."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten
from torch.utils.checkpoint import checkpoint

from snn_core.effects.contents import version_of
from snn_core.effects.copies import twins
from snn_core.effects.fingerprint import Fingerprint
from snn_core.effects.random_states import RandomStates
from snn_core.graph.folding import Folding
from snn_core.neuron.temporal import Temporal
from snn_core.neuron.turns import States, in_turn


class Recomputation:
    """A runner of a net over successive segments of a sequence, which runs each of them again in the backward pass.

    Both passes over a segment start from the same input, parameters, states, buffers and random numbers, with the same
    attributes of all modules, such as the options of neurons and the modes. The second pass restores all of them
    afterward, so that running statistics are updated once.

    Args:
        run: ``run(net, xs, folding, states)`` returns the output for a segment, the states after it, and more.
        net: The net.
        own_code: True if ``run`` calls the net's own code, which may change more than the states of neurons.
        draws: True if ``run`` may draw random numbers.
    """

    def __init__(
        self,
        run: Callable[[nn.Module, Tensor, Folding, States], Any],
        net: nn.Module,
        own_code: bool = False,
        draws: bool = False,
    ) -> None:
        self._run, self._net, self._draws = run, net, draws and not torch.compiler.is_compiling()
        self._own_code = own_code and not torch.compiler.is_compiling()
        self._last: Snapshot | None = None

    def __call__(self, xs: Tensor, folding: Folding, states: States) -> Any:
        """Return the output of the next segment; autograd stores only input, output and the states at both ends.

        Args:
            xs: Input ``[steps, batch, ...]``.
            folding: The samples that run in each step.
            states: The states before the segment.

        Returns:
            The result of ``run``.

        Raises:
            RuntimeError: In the backward pass, if the input or a parameter has been changed in place since then.
            ValueError: If the net changes something that cannot be restored.
        """
        kept, spec = tree_flatten([*states.values()])
        before = self._last = Snapshot(self._net, self._own_code, self._last, self._draws)
        parameters = list(self._net.parameters())
        versions = _versions(xs, parameters)
        again, original = False, xs  # hooks on saved tensors may pass a copy to the second run

        def segment(xs: Tensor, *kept: Any) -> Any:
            nonlocal again
            if again and _versions(original, parameters) != versions:
                raise RuntimeError(
                    "unroll(chunk=...): the input or a parameter of the net has been changed in place since the "
                    "forward pass, but the backward pass needs its old values to compute a chunk again; call "
                    "backward() before optimizer.step()"
                )
            with in_turn(states) if again else nullcontext(), before.as_it_was() if again else nullcontext():
                again = True
                begin = dict(zip(states, tree_unflatten(list(kept), spec), strict=True))
                return self._run(self._net, xs, folding, begin)

        ran = checkpoint(segment, xs, *kept, use_reentrant=False)
        before.must_be_all()
        return ran


def _versions(xs: Tensor, parameters: list[nn.Parameter]) -> list[int]:
    return [version_of(xs), *map(version_of, parameters)]


_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


class Snapshot:
    """A snapshot of all that a run of a net may change: attributes and buffers of modules, and random generators.

    Tensors inside an autograd graph and parameters stay the same; everything else is copied. The states of neurons are
    not included.

    Args:
        net: The net.
        own_code: True if the net's own code runs. If not, attributes are not copied, as nothing changes them.
        draws: True if random numbers may be drawn.
        last: An earlier snapshot, whose copies are used again for buffers that have not changed since.

    Example:
        >>> net = nn.Module()
        >>> net.counts = [1]
        >>> before = Snapshot(net)
        >>> net.counts.append(2)
        >>> with before.as_it_was():
        ...     net.counts
        [1]
        >>> net.counts
        [1, 2]
    """

    def __init__(self, net: nn.Module, own_code: bool = True, last: Snapshot | None = None, draws: bool = True) -> None:
        self._net = net
        self._modules = list(net.modules())
        self._fingerprint = Fingerprint(net, hooks=True) if own_code else None
        self._numbers = RandomStates() if draws else None
        self._lost = ""  # an attribute that cannot be copied
        attributes = [] if torch.compiler.is_compiling() else list(map(_attributes, self._modules))
        self._attributes = self._copies(attributes)
        self._copied: dict[int, tuple[Tensor, int, Tensor]] = {}  # buffers, their versions and copies
        for buffer in net.buffers():
            copied = None if last is None or own_code else last._copied.get(id(buffer))
            if copied is None or copied[1] != version_of(buffer):  # a change through .data does not count
                copied = buffer, version_of(buffer), buffer.clone()
            self._copied[id(buffer)] = copied

    def must_be_all(self) -> None:
        """Refuse any change since the snapshot that cannot be restored.

        Raises:
            ValueError: If there is such a change.
        """
        if self._fingerprint is None:
            return
        changed = self._fingerprint.change(elsewhere=True) or (self._fingerprint.change() and self._lost)
        if changed:
            raise ValueError(
                f"unroll: chunk= runs a part of the sequence again in the backward pass, but the forward of "
                f"{type(self._net).__name__} {changed}, which cannot be restored; keep it in the net, or pass no chunk"
            )

    @contextmanager
    def as_it_was(self) -> Iterator[None]:
        """Restore everything within a block; changes made inside the block last only as long as the block."""
        now = [dict(vars(module)) for module in self._modules]
        with RandomStates() if self._numbers is not None else nullcontext():
            try:
                if self._numbers is not None:
                    self._numbers.restore()
                copies = {identity: copied.clone() for identity, (_, _, copied) in self._copied.items()}
                for module, attributes in zip(self._modules, self._copies(self._attributes), strict=True):
                    buffers = {name: copies.get(id(buffer)) for name, buffer in attributes["_buffers"].items()}
                    _put(module, {**attributes, "_parameters": dict(attributes["_parameters"]), "_buffers": buffers})
                yield
            finally:
                for module, attributes in zip(self._modules, now, strict=True):
                    _put(module, attributes)

    def _copies(self, attributes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return copies of the attributes of all modules, if the net's own code may change them."""
        if self._fingerprint is None:
            return attributes
        reached = self._fingerprint.reached.held
        tensors = [t for t in reached.values() if isinstance(t, Tensor) and t.requires_grad]
        programs = [vars(module).get("_programs") for module in self._modules]
        shared = [*self._modules, *self._net.parameters(), *self._net.buffers(), *tensors, *programs]
        memo: dict[int, Any] = {id(value): value for value in shared} | twins(reached)
        copies = [dict(values) for values in attributes]
        for values in copies:
            for name in values.keys() - _OF_EVERY_MODULE:
                try:
                    values[name] = copy.deepcopy(values[name], memo)
                except Exception:  # a user's object that cannot be copied may raise anything
                    self._lost = f"changes the attribute {name!r} while it runs"
        return copies


def _attributes(module: nn.Module) -> dict[str, Any]:
    """Return the attributes of a module without its kept state, which would keep an autograd graph in memory."""
    parts = {"_parameters": dict(module._parameters), "_buffers": dict(module._buffers)}
    return {**vars(module), **parts, **({"_kept": None} if isinstance(module, Temporal) else {})}


def _put(module: nn.Module, attributes: dict[str, Any]) -> None:
    for name in vars(module).keys() - attributes.keys():
        del vars(module)[name]
    vars(module).update(attributes)
