"""The graph of a net's ``forward``, with neurons and torch's own layers as leaves."""

from __future__ import annotations

from typing import Any

from torch import fx, nn

from snn_core.firing import Firing
from snn_core.gradedspikes import GradedSpikes
from snn_core.temporal import Temporal

__all__ = ["Untraceable", "chain_of", "trace"]


class Untraceable(Exception):
    """Why a net has no fixed graph."""


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return _is_leaf(m)


def _is_leaf(module: nn.Module) -> bool:
    if isinstance(module, Temporal | Firing | GradedSpikes):
        return True
    return type(module).__module__.startswith("torch.nn") and not isinstance(module, nn.Sequential)


def chain_of(net: nn.Module, path: str = "") -> list[tuple[str, nn.Module]] | None:
    """The leaves of a (nested) ``nn.Sequential``, in order, by path; None for a net that must be traced."""
    if _is_leaf(net):
        return [(path or "the net", net)]
    if type(net) is not nn.Sequential:
        return None
    chain: list[tuple[str, nn.Module]] = []
    for name, child in net._modules.items():  # named_children() would skip a module used again
        part = None if child is None else chain_of(child, f"{path}.{name}" if path else name)
        if part is None:
            return None
        chain += part
    return chain


def trace(net: nn.Module) -> tuple[fx.Graph, dict[str, nn.Module]]:
    """Record what ``net(x)`` calls.

    Args:
        net: A module called with one tensor.

    Returns:
        The graph, and the modules by the paths that it uses.

    Raises:
        Untraceable: If ``forward`` depends on values, or changes attributes while it runs.
    """
    before = _attributes(net)
    try:
        graph = _Tracer().trace(net)
    except Exception as error:  # a forward may fail on a placeholder in any way; each means "no fixed graph"
        _restore(net, before)
        raise Untraceable(f"forward has no fixed graph ({_first_line(error)})") from None
    if changed := _restore(net, before):
        raise Untraceable(f"forward changes {changed} while it runs")
    return graph, dict(net.named_modules(remove_duplicate=False))


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
            if not same:
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
