"""Stretches of a sequence that are run again: from what they began with, leaving no trace in the net."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten
from torch.utils.checkpoint import checkpoint

from snn_core.neuron.temporal import Temporal, in_turn
from snn_core.sequence.folding import Folding
from snn_core.sequence.random_states import RandomStates
from snn_core.sequence.surroundings import Surroundings

Buffers = dict[tuple[nn.Module, str], Tensor | None]
Options = list[tuple[nn.Module, dict[str, Any]]]


class Recomputation:
    """Runs a net over one stretch of a sequence after the other, and each of them again in the backward pass.

    Both passes over a stretch start from the same input, parameters, states, buffers and random numbers, with the same
    options of neurons and modes of all modules. The second one leaves the net's states, buffers, options and modes as
    it found them, so that running statistics are updated once.

    Args:
        run: ``run(net, xs, folding)`` gives the output for a stretch.
        net: The net.
        own_code: Whether that calls the code of the net, which may change more than what neurons keep.
    """

    def __init__(
        self, run: Callable[[nn.Module, Tensor, Folding], Any], net: nn.Module, own_code: bool = False
    ) -> None:
        self._run, self._net, self._own_code = run, net, own_code and not torch.compiler.is_compiling()
        self._modules = [m for m in net.modules() if isinstance(m, Temporal)]
        self._copies: dict[tuple[nn.Module, str], _Copy] = {}
        self._options = [] if torch.compiler.is_compiling() else [(m, _options(m)) for m in net.modules()]

    def __call__(self, xs: Tensor, folding: Folding) -> Any:
        """Return the output of the next segment; autograd stores only input, output and the states at both ends.

        Args:
            xs: Input ``[steps, batch, ...]``.
            folding: Which samples run in each of the steps.

        Returns:
            What ``run`` returns.

        Raises:
            RuntimeError: In the backward pass, if the input or a parameter has been changed in place since.
            ValueError: If the net changes something that cannot be put back.

        Example:
            >>> import torch
            >>> net = nn.Linear(3, 2)
            >>> Recomputation(lambda net, xs, folding: net(xs), net)(torch.ones(5, 1, 3), Folding(5)).shape
            torch.Size([5, 1, 2])
        """
        modules = self._modules
        kept, spec = tree_flatten([m._kept for m in modules])
        began, versions = self._buffers_now(), self._versions(xs)
        own = OwnThings(self._net) if self._own_code else None
        # code of the net's own may have set some since the last stretch
        options = [(m, _options(m)) for m in self._net.modules()] if self._own_code else self._options
        again, original = False, xs  # hooks on saved tensors may pass a copy to the second run

        def stretch(xs: Tensor, *kept: Any) -> tuple[Any, Any]:
            nonlocal again
            if again and self._versions(original) != versions:
                raise RuntimeError(
                    "unroll(chunk=...): the input or a parameter of the net has been changed in place since the "
                    "forward pass, from which the backward pass computes a chunk anew; call backward() before "
                    "optimizer.step()"
                )
            with (
                in_turn(modules),
                _own_states(modules),
                self._as_it_was(began, own, options) if again else nullcontext(),
            ):
                again = True
                for module, state in zip(modules, tree_unflatten(list(kept), spec), strict=True):
                    module._keep(state)
                out = self._run(self._net, xs, folding)
                return out, [m._kept for m in modules]

        out, states = checkpoint(stretch, xs, *kept, use_reentrant=False)
        if own is not None:
            own.must_be_all()
        for module, state in zip(modules, states, strict=True):
            module._keep(state)
        return out

    @contextmanager
    def _as_it_was(self, began: Buffers, own: OwnThings | None, options: Options) -> Iterator[None]:
        as_they_were = nullcontext() if own is None else own.as_they_were()
        with as_they_were, _own_options(options), own_buffers(self._net, began):
            yield

    def _buffers_now(self) -> Buffers:
        """Return copies of the buffers; one that has not changed since the last segment is not copied again."""
        for module in self._net.modules():
            for name, buffer in module._buffers.items():
                last = self._copies.get((module, name))
                # one that is changed as its data counts no change
                if last is None or last.of is not buffer or last.version != _version(buffer) or self._own_code:
                    copy = None if buffer is None else buffer.clone()
                    self._copies[module, name] = _Copy(buffer, _version(buffer), copy)
        return {where: c.copy for where, c in self._copies.items()}

    def _versions(self, xs: Tensor) -> list[int]:
        return [_version(xs), *map(_version, self._net.parameters())]


class _Copy(NamedTuple):
    of: Tensor | None
    version: int
    copy: Tensor | None


def _version(tensor: Tensor | None) -> int:
    """Return how often a tensor was changed in place, which an inference tensor does not count."""
    return -1 if tensor is None or tensor.is_inference() else tensor._version


# what is restored otherwise, or says how a net is being run
_NO_OPTIONS = {"_parameters", "_buffers", "_modules", "_kept", "_kept_in"}


def _options(module: nn.Module) -> dict[str, Any]:
    """Return the mode of a module, and all else that may be set of a neuron."""
    if not isinstance(module, Temporal):
        return {"training": module.training}
    return {name: value for name, value in vars(module).items() if name not in _NO_OPTIONS}


@contextmanager
def _own_options(options: Options) -> Iterator[None]:
    held = [(module, _options(module)) for module, _ in options]
    try:
        for module, found in options:
            _set(module, found)
        yield
    finally:
        for module, found in held:
            _set(module, found)


def _set(module: nn.Module, options: dict[str, Any]) -> None:
    for name in _options(module).keys() - options.keys():
        del vars(module)[name]
    vars(module).update(options)


@contextmanager
def _own_states(modules: list[Temporal]) -> Iterator[None]:
    before = [(m._kept, m._kept_in) for m in modules]
    try:
        yield
    finally:
        for module, (kept, kept_in) in zip(modules, before, strict=True):
            module._kept, module._kept_in = kept, kept_in


@contextmanager
def own_buffers(net: nn.Module, began: Buffers | None = None) -> Iterator[None]:
    """Give a net buffers that a forward pass may change unseen: copies of those it holds, or held when it began."""
    began = {} if began is None else began
    held = [(m, dict(m._buffers)) for m in net.modules() if m._buffers]
    try:
        for module, buffers in held:
            found = {n: began.get((module, n), b) for n, b in buffers.items()}
            module._buffers.update({n: None if b is None else b.clone() for n, b in found.items()})
        yield
    finally:
        for module, buffers in held:
            module._buffers.update(buffers)


_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


class OwnThings:
    """Attributes of a net's modules, and random generators, as they are now.

    Tensors inside an autograd graph are the same later; everything else is copied.

    Args:
        net: The net.

    Example:
        >>> net = nn.Module()
        >>> net.counts = [1]
        >>> things = OwnThings(net)
        >>> net.counts.append(2)
        >>> with things.as_they_were():
        ...     net.counts
        [1]
        >>> net.counts
        [1, 2]
    """

    def __init__(self, net: nn.Module) -> None:
        self._net = net
        self._surroundings = Surroundings(net)
        self._numbers = RandomStates()
        self._lost = ""  # an attribute that cannot be copied
        shared: list[Any] = [*net.modules(), *net.parameters(), *net.buffers()]
        shared += [tensor for _, tensor in self._surroundings.tensors() if tensor.requires_grad]
        self._shared = shared
        self._began = [(module, self._copies(_own(module))) for module in net.modules()]

    def must_be_all(self) -> None:
        """Refuse what has changed since and cannot be put back.

        Raises:
            ValueError: If there is such a thing.
        """
        changed = self._surroundings.change_elsewhere() or (self._surroundings.change() and self._lost)
        if changed:
            raise ValueError(
                f"unroll: chunk= runs a part of the sequence again in the backward pass, but the forward of "
                f"{type(self._net).__name__} {changed}, which cannot be put back; keep it in the net, or pass no chunk"
            )

    @contextmanager
    def as_they_were(self) -> Iterator[None]:
        """Put everything back, as long as it lasts."""
        now = [(module, _own(module)) for module, _ in self._began]
        numbers = RandomStates()
        try:
            self._numbers.restore()
            for module, things in self._began:
                _put(module, self._copies(things))
            yield
        finally:
            for module, things in now:
                _put(module, things)
            numbers.restore()

    def _copies(self, things: dict[str, Any]) -> dict[str, Any]:
        memo: dict[int, Any] = {id(value): value for value in self._shared} | self._surroundings.twins()
        copies: dict[str, Any] = {}
        for name, value in things.items():
            try:
                copies[name] = copy.deepcopy(value, memo)
            except Exception:  # whatever an object of a user's raises that cannot be copied
                copies[name] = value
                self._lost = f"changes the attribute {name!r} while it runs"
        return copies


def _own(module: nn.Module) -> dict[str, Any]:
    if isinstance(module, Temporal):
        return {}
    return {name: value for name, value in vars(module).items() if name not in _OF_EVERY_MODULE}


def _put(module: nn.Module, things: dict[str, Any]) -> None:
    for name in _own(module):
        del vars(module)[name]
    vars(module).update(things)
