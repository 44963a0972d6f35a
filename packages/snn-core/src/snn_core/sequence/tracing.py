"""The graph of a net's ``forward``, with neurons and torch's own layers as leaves."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import fx, nn

from snn_core.neuron.firing import Firing
from snn_core.neuron.temporal import Temporal
from snn_core.neurons.gradedspikes import GradedSpikes
from snn_core.sequence.random_states import RandomStates
from snn_core.sequence.recomputation import own_buffers
from snn_core.sequence.watching import Watch

# Two traces at once would each put back what the other one exchanged. That helps traces against each other alone: as
# long as one lasts, torch.fx has nn.Module.__call__ exchanged in the whole process, and a module that another thread
# calls may fail.
_ALONE = threading.RLock()


class Untraceable(Exception):
    """Why a net has no fixed graph."""


class _Root(nn.Module):
    """A net called with one tensor and nothing else, so that its ``forward`` sees its own defaults."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Any) -> Any:
        return self.net(x)


class _Tracer(fx.Tracer):
    def __init__(self, net: nn.Module, resets_first: bool) -> None:
        super().__init__()
        self._net = net
        self.touched = ""  # why what the neurons keep is not what a trace without them takes it for
        self._paths: dict[nn.Module, str] = {m: path for path, m in net.named_modules() if isinstance(m, Temporal)}
        self._resets_first = resets_first
        self._called: set[nn.Module] = set()
        self._proxies: list[weakref.ref[fx.Proxy]] = []

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return _is_leaf(m)

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        self._called.add(m)
        return super().call_module(m, forward, args, kwargs)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Refuse, as long as it lasts, what depends on the state that neurons keep: they are at no certain step."""
        watch = _Touches(self._net, self._touch)
        with watch.watching():
            yield

    def _touch(self, module: Temporal, how: str) -> None:
        if how == "resets" and self._resets_first and module not in self._called:
            return
        name = f"{self._paths[module] or 'the net'!r} ({type(module).__name__})"
        self.touched = self.touched or f"forward {how} the state that {name} keeps"
        raise Untraceable(self.touched)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        made = super().proxy(node)
        self._proxies.append(weakref.ref(made))
        return made

    def leaked(self) -> bool:
        """Whether a placeholder of a value outlived the trace, so that somebody keeps it."""
        if all(proxy() is None for proxy in self._proxies):
            return False
        gc.collect()  # some may only hang together in a circle
        return any(proxy() is not None for proxy in self._proxies)


class _Touches(Watch):
    def __init__(self, net: nn.Module, tell: Callable[[Any, str], None]) -> None:
        super().__init__(net)
        self._tell = tell

    def touched(self, module: Any, how: str) -> None:
        self._tell(module, how)


def _is_leaf(module: nn.Module) -> bool:
    if isinstance(module, Temporal | Firing | GradedSpikes):
        return True
    return type(module).__module__.startswith("torch.nn") and not isinstance(module, nn.Sequential)


def trace(net: nn.Module, *, resets_first: bool = True) -> tuple[fx.Graph, dict[str, nn.Module]]:
    """Record what ``net(x)`` calls.

    Args:
        net: A module called with one tensor.
        resets_first: Whether ``forward`` may put a neuron at rest before it calls it, as one over all steps does.

    Returns:
        The graph, and the modules by the names that it uses, ``"net.<path>"``.

    Raises:
        Untraceable: If ``forward`` depends on values, draws random numbers, changes the net while it runs, or reads,
            writes, resets or detaches what a neuron keeps.
        ValueError: If it leaves what it computes somewhere outside of the net.
    """
    with _ALONE:
        return _trace(net, _Tracer(net, resets_first))


def _trace(net: nn.Module, tracer: _Tracer) -> tuple[fx.Graph, dict[str, nn.Module]]:
    root, numbers = _Root(net), RandomStates()
    graph, why = fx.Graph(), ""
    # a tensor made in inference mode counts no changes
    with torch.inference_mode(False), own_buffers(net), tracer.watching():
        before, versions = _attributes(net), {n: b._version for n, b in net.named_buffers()}
        try:
            graph = tracer.trace(root)
        except Exception as error:  # a forward may fail on a placeholder in any way; each means "no fixed graph"
            why = f"forward has no fixed graph ({_first_line(error)})"
        changed = _restore(net, before)
        written = [f"the buffer {n!r}" for n, b in net.named_buffers() if b._version != versions.get(n, 0)]
    if tracer.leaked():
        raise ValueError(
            f"unroll: the forward of {type(net).__name__} leaves values in a container outside of the call, such as a "
            "list it appends to; return them (unroll stacks what is returned), or pass schedule='steps'"
        )
    if changed or written:
        why = f"forward changes {changed or written[0]} while it runs"
    if numbers.moved():
        numbers.restore()
        why = "forward draws random numbers"
    why = tracer.touched or why
    if why:
        raise Untraceable(why)
    return graph, dict(root.named_modules(remove_duplicate=False))


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no message'}"


def _attributes(net: nn.Module) -> list[tuple[nn.Module, dict[str, Any], dict[str, Any]]]:
    """Every attribute of every module, and a copy of the containers among them."""
    return [
        (m, dict(vars(m)), {k: v.copy() for k, v in vars(m).items() if isinstance(v, list | dict | set)})
        for m in net.modules()
    ]


def _restore(net: nn.Module, before: list[tuple[nn.Module, dict[str, Any], dict[str, Any]]]) -> str:
    """Undo what tracing did to the attributes; names the first change."""
    changed = ""
    for module, attributes, containers in before:
        now = vars(module)
        for name in [*now, *(n for n in attributes if n not in now)]:
            same = name in now and name in attributes and now[name] is attributes[name]
            if same and name in containers:
                same = _same_items(now[name], containers[name])
            # what a reset asks for comes from a call that _touch() has let pass
            if not same and not (name == "_goes_on" and isinstance(module, Temporal)):
                changed = changed or f"the attribute {name!r} of {type(module).__name__}"
        for name, copy in containers.items():
            if not _same_items(attributes[name], copy):
                attributes[name].clear()
                (attributes[name].extend if isinstance(copy, list) else attributes[name].update)(copy)
        if any(now.get(n) is not v for n, v in attributes.items()) or len(now) != len(attributes):
            now.clear()
            now.update(attributes)
    return changed


def _same_items(a: Any, b: Any) -> bool:
    if len(a) != len(b):
        return False
    if isinstance(a, dict):
        return all(k in b and v is b[k] for k, v in a.items())
    return a == b if isinstance(a, set) else all(x is y for x, y in zip(a, b, strict=True))
