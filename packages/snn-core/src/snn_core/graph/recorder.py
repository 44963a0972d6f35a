"""A recorder of the calls of a net in one step on real tensors, which describes them and decides nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from snn_core.graph.node import Node, first_by_position, tensors_in
from snn_core.graph.watching import Watch
from snn_core.neuron.temporal import current


def _getters(*names: str) -> list[Any]:
    """Return the functions that a function mode sees when these attributes of tensors are read."""
    return [getattr(Tensor, name).__get__ for name in names]


_SIZES = {Tensor.size, Tensor.__len__, Tensor.numel, Tensor.nelement, *_getters("shape")}
# attributes of a tensor that do not depend on its values
_TOLD = {
    *(Tensor.dim, Tensor.ndimension, Tensor.is_floating_point, Tensor.is_complex, Tensor.element_size),
    *(Tensor.is_contiguous, Tensor.get_device, torch.is_floating_point, torch.is_complex),
    *_getters("ndim", "dtype", "device", "is_cuda", "is_meta", "layout", "itemsize", "requires_grad", "is_nested"),
}


class Recorder(Watch, TorchFunctionMode):
    """A recorder of the calls of a net in one step.

    It acts on this thread only and changes nothing: the step runs as it is written. A subclass reads each call as soon
    as it is over, since what the code does next may depend on the reader. ``reason`` says why it reads no further.

    Args:
        net: The net.
        is_whole: Function that returns True for a module whose calls are nodes as a whole, in place of the calls that
            it makes; the hooks of others on it come before and after. None if only functions are nodes.
    """

    def __init__(self, net: nn.Module, is_whole: Callable[[nn.Module], bool] | None = None) -> None:
        Watch.__init__(self, net)
        TorchFunctionMode.__init__(self)
        self.reason: str = ""
        self._wholes = [] if is_whole is None else list(filter(is_whole, self.paths))
        self._inside = 0  # calls of modules that are nodes as a whole
        self._depth = 0  # the number of function modes, up to this one
        self._paused = False  # True if functions are ignored until such a module returns
        self._in_hooks = False  # True while the hooks of others on such a module run
        self._begun: Node | None = None  # the last call of such a module, if it is a node

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record the calls within a block."""
        with ExitStack() as stack:
            for module in self._wholes:
                stack.enter_context(module.register_forward_pre_hook(self._begin_hooks, prepend=True))
                stack.enter_context(module.register_forward_pre_hook(self._begin_module, with_kwargs=True))
                hook = module.register_forward_hook(self._end_module, always_call=True, prepend=True)
                stack.enter_context(hook)
                stack.enter_context(module.register_forward_hook(self._end_hooks, always_call=True))
            stack.enter_context(self.watching())
            stack.enter_context(self)
            self._depth = torch._C._len_torch_function_stack()
            yield

    def refused(self, why: str) -> None:
        self.reason = self.reason or why

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self.reason or self._inside or func in _TOLD:
            return func(*args, **kwargs)
        args, kwargs = first_by_position(args, kwargs)
        if func in _SIZES:
            return self.size(func, args, kwargs)
        node = Node(func, args, kwargs, tensors_in((args, kwargs)), torch.is_grad_enabled())
        is_seen = self.begin(node)
        out = func(*args, **kwargs)
        if is_seen and not self.reason:
            node.out = args[0] if node.twin is not None else out  # __setitem__ returns nothing
            self.end(node)
        return out

    def size(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what a function says of the size of a tensor."""
        return func(*args, **kwargs)

    def begin(self, node: Node) -> bool:
        """Take note of a call that is about to be made; return False if it is part of another."""
        return True

    def end(self, node: Node) -> None:
        """Read a call that is over."""

    def enter(self) -> None:
        """Ignore functions from here on, as a module is called that is a node as a whole."""
        self._inside += 1
        if self._inside == 1:
            self._paused = torch._C._len_torch_function_stack() == self._depth
            if self._paused:
                self.__exit__(None, None, None)  # otherwise every function of the module would pass through it

    def leave(self) -> None:
        """See functions again, after the call of such a module."""
        self._inside -= 1
        if not self._inside and self._paused:
            self.__enter__()

    def _begin_hooks(self, module: Any, args: tuple[Any, ...]) -> None:
        if current() is self:
            self._in_hooks = not self._inside

    def _begin_module(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> None:
        if current() is not self:
            return  # another thread, which gets no kwargs while the hook is being added or removed; or within a neuron
        self._in_hooks = False
        self.enter()
        if self._inside == 1:
            kwargs = kwargs or {}
            node = Node(type(module), args, kwargs, tensors_in((args, kwargs)), torch.is_grad_enabled(), module)
            self._begun = node if not self.reason and self.begin(node) else None

    def _end_module(self, module: Any, args: tuple[Any, ...], out: Any) -> None:
        if current() is not self:
            return
        node = self._begun if self._inside == 1 else None
        if node is not None and out is not None and not self.reason:  # None after a call that failed
            node.out = out
            self.end(node)
        self.leave()
        self._in_hooks = not self._inside

    def _end_hooks(self, module: Any, args: tuple[Any, ...], out: Any) -> None:
        if current() is self:
            self._in_hooks = False

    def caller(self) -> tuple[str, str]:
        """Return the path of the module that makes the present call, and its class if it is one of torch's."""
        frame: Any = sys._getframe(1)
        while frame is not None:
            owner = frame.f_locals.get("self")
            if isinstance(owner, nn.Module) and owner in self.paths:
                torchs = type(owner).__module__.startswith("torch.nn") and not isinstance(owner, nn.Sequential)
                return self.paths[owner], type(owner).__name__ if torchs else ""
            frame = frame.f_back
        return "", ""
