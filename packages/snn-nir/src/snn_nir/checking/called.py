"""The layers and neurons that a net calls, each with the input of its first call."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from snn_core.graph import ModuleCall, Observation
from snn_nir.exporting.drawing import node_name
from snn_nir.exporting.reading import is_whole


class Called(NamedTuple):
    """A layer or neuron, its name in a graph, and its input in its first call, ``[batch, ...]``."""

    name: str
    module: nn.Module
    x: Tensor


def first_calls(net: nn.Module, samples: tuple[Tensor | None, ...]) -> dict[str, Called]:
    """Run a net, and return the first call of each of its layers and neurons by name, in order."""
    observed = _FirstCalls(net)
    with observed.watching():
        net(*samples)
    return observed.calls


class _FirstCalls(Observation):
    def __init__(self, net: nn.Module) -> None:
        wholes = {path: module for path, module in net.named_modules() if is_whole(module)}
        self._layers = {m for path, m in wholes.items() if not any(_is_inside(path, other) for other in wholes)}
        self.calls: dict[str, Called] = {}
        super().__init__(net, self._layers)

    def before(self, call: ModuleCall) -> None:
        if call.module in self._layers and isinstance(call.x, Tensor):
            name = node_name(call.path, call.module)
            self.calls.setdefault(name, Called(name, call.module, call.x.detach()))


def _is_inside(path: str, other: str) -> bool:
    return path != other and path.startswith(f"{other}." if other else "")
