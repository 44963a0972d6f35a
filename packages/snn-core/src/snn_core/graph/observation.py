"""An observation of a running net: what its modules take and return, whether a loop or a plan calls them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from snn_core.engines.products import is_compiled
from snn_core.graph.folding import Folding
from snn_core.graph.steps import Place, Product, Step, Whole
from snn_core.graph.watching import Watch
from snn_core.neuron.temporal import REPORTING, current
from snn_core.neuron.whole_sequence import WholeSequence


@dataclass(slots=True, eq=False)
class ModuleCall:
    """A call of a module: as the net's code makes it, or of all steps at once in a plan.

    Args:
        path: The module's path in the net.
        module: The module.
        args: Its positional arguments; in a plan, those that the net computed, with steps and samples on axis 0.
        kwargs: Its keyword arguments.
        out: What it returned; None before the call.
        folding: The order of steps and samples on axis 0, in a plan; None for a call that the net's code makes.
        is_whole: False for a function that a plan calls in place of a module, with the module's parameters.
    """

    path: str
    module: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    out: Any = None
    folding: Folding | None = None
    is_whole: bool = True

    @property
    def x(self) -> Any:
        """The argument for the first parameter of ``forward``; None without any."""
        return self.args[0] if self.args else input_of(self.module, self.args, self.kwargs)


class Observation(Watch):
    """A watch that receives the calls of modules before and after they are made; subclasses take what they need of it.

    Modules with a state report their calls themselves, and a plan reports all calls; in a loop, other modules are seen
    if they are ``hooked``. A call that a backward pass repeats is left out, and so is one of a recorded step, which
    runs again.

    Args:
        net: The net.
        hooked: The modules that get hooks while the net is watched, which make ``unroll`` run it step by step, unless
            it needs all steps at once.
    """

    of_run = True

    def __init__(self, net: nn.Module, hooked: Iterable[nn.Module] = ()) -> None:
        super().__init__(net)
        modules = {*hooked}
        self._by_hook = {module for module in modules if not _reports(module)}
        self._hooked = {net, *self._by_hook} if modules else set()  # one hook suffices against a plan
        if needs_all_steps(net):
            self.hooks: tuple[Callable[..., Any], ...] = (self._enter, self._leave)

    def before(self, call: ModuleCall) -> None:
        """Receive a call before it is made."""

    def after(self, call: ModuleCall) -> None:
        """Receive a call with its result."""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch this thread within a block; meanwhile the net has hooks, and what is compiled of it runs as written."""
        compiled = any(map(is_compiled, self.paths))
        eager = torch.compiler.set_stance("force_eager") if compiled else nullcontext()
        handles = [module.register_forward_pre_hook(self._enter, with_kwargs=True) for module in self._hooked]
        handles += [module.register_forward_hook(self._leave, with_kwargs=True) for module in self._hooked]
        try:
            with super().watching(), eager:
                yield
        finally:
            for handle in handles:
                handle.remove()

    def called(self, module: Any, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if module not in self.paths or module in self._by_hook or in_backward():
            return forward(module, *args, **kwargs)
        call = ModuleCall(self.paths[module], module, args, kwargs)
        self.before(call)
        call.out = forward(module, *args, **kwargs)
        self.after(call)
        return call.out

    def ran(self, module: nn.Module, step: Step, args: list[Any], out: Any, folding: Folding) -> None:
        values = tuple(arg for arg, value in zip(args, step.args, strict=True) if isinstance(value, Place))
        is_whole = isinstance(step.compute, Whole | Product)
        call = ModuleCall(self.paths[module], module, values, {}, None, folding, is_whole)
        self.before(call)
        call.out = out
        self.after(call)

    def _enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._sees(module):
            self.before(ModuleCall(self.paths[module], module, args, kwargs))

    def _leave(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        if self._sees(module):
            self.after(ModuleCall(self.paths[module], module, args, kwargs, out))

    def _sees(self, module: nn.Module) -> bool:
        watch = current()  # none while a plan runs a call
        return module in self._by_hook and watch is not None and not watch.records and not in_backward()


def _reports(module: nn.Module) -> bool:
    """Return True for a module with a state whose ``forward`` notifies the watch."""
    return type(module).forward in REPORTING and "forward" not in vars(module)


def in_backward() -> bool:
    """Return True during a backward pass, in which checkpointing runs layers a second time."""
    return not torch.compiler.is_compiling() and torch._C._current_graph_task_id() != -1


def input_of(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the argument for the first parameter of ``forward``, passed by position or by name; None without any."""
    if args or not kwargs:
        return args[0] if args else None
    first = next(iter(inspect.signature(module.forward).parameters))
    return kwargs.get(first, next(iter(kwargs.values())))


def needs_all_steps(net: nn.Module) -> bool:
    """Return True if a net has a module that takes whole sequences and cannot be cut into steps."""
    return any(isinstance(module, WholeSequence) and not module.may_be_cut for module in net.modules())
