"""The spikes of a net's neurons in a run, and the layers that feed each neuron."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from snn_core.effects.random_states import RandomStates
from snn_core.graph.observation import ModuleCall, Observation
from snn_core.neuron.firing import Firing
from snn_core.neuron.spiking import SpikingNeuron
from snn_core.sequence.layers import known_ahead
from snn_core.sequence.unrolling import unroll


class Activity(Observation):
    """A count of the spikes of every neuron of a net, and a record of the input of the one that is ``driven``."""

    def __init__(self, net: nn.Module, driven: nn.Module | None = None, layers: Iterable[nn.Module] = ()) -> None:
        super().__init__(net, layers)
        self._driven = driven
        self._fired: dict[nn.Module, tuple[int, int]] = {}
        self.inputs: list[Tensor] = []

    def after(self, call: ModuleCall) -> None:
        neuron = call.module
        if not isinstance(neuron, SpikingNeuron):
            return
        spk = next(leaf for leaf in tree_leaves(call.out) if isinstance(leaf, Tensor)).detach()
        fired, count = self._fired.get(neuron, (0, 0))
        self._fired[neuron] = fired + int(spk.count_nonzero()), count + spk.numel()
        if neuron is self._driven:
            x = call.x.detach()
            self.inputs += [x] if call.folding is None else call.folding.each(x)

    def neurons(self) -> list[nn.Module]:
        """Return the neurons in the order of their first call."""
        return list(self._fired)

    def rate(self, neuron: nn.Module) -> float:
        """Return the mean rate of a neuron, in spikes per step."""
        fired, count = self._fired[neuron]
        return fired / max(count, 1)

    def run(self, xs: Tensor) -> Activity:
        """Run the net over ``xs`` ``[T, batch, ...]`` from rest, with the same random numbers every time."""
        net = next(iter(self.paths))
        with RandomStates(), self.watching():
            how = known_ahead(net, xs, describe=False)  # a plan only if no step must run to find it
            unroll(net, xs, schedule="steps" if how is None else how.kind)
        return self


class Origin(NamedTuple):
    """A layer or neuron that computed a value, and the neurons this comes from: itself, or those before the layer."""

    module: nn.Module
    neurons: frozenset[nn.Module]


class Feeding(Activity):
    """A search, in the graph of a run, for the layers with a weight that come right before each neuron.

    The layers get hooks, so that the output of each has a separate graph in each step, and the parameters are set to
    require gradients.
    """

    def __init__(self, net: nn.Module) -> None:
        inside = {part for module in net.modules() if isinstance(module, Firing) for part in module.modules()}
        self._layers = {m for m in net.modules() if m not in inside and has_weight(m)}
        super().__init__(net, layers=self._layers)
        self.uncalled: set[nn.Module] = {*self._layers}
        self._givers: dict[Any, Origin] = {}  # by node of the graph
        self._before: dict[nn.Module, dict[Origin, None]] = {}  # the nearest before the calls of each neuron
        for parameter in net.parameters():
            parameter.requires_grad_(parameter.is_floating_point() or parameter.is_complex())

    def run(self, xs: Tensor) -> Feeding:
        # the graph is walked, never run backward, and stores nothing
        nothing = torch.empty(0)
        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(lambda _: nothing, lambda kept: kept):
            super().run(xs)
        self._givers.clear()
        return self

    def after(self, call: ModuleCall) -> None:
        super().after(call)
        module = call.module
        if isinstance(module, SpikingNeuron):
            self._before.setdefault(module, {}).update(self._nearest(call.x))
            self._gave(Origin(module, frozenset([module])), (call.out, module._kept))  # a forward may read its state
        elif module in self._layers:
            self.uncalled.discard(module)
            neurons = frozenset(neuron for origin in self._nearest(call.args) for neuron in origin.neurons)
            self._gave(Origin(module, neurons), call.out)

    def _gave(self, origin: Origin, out: Any) -> None:
        nodes = (leaf.grad_fn for leaf in tree_leaves(out) if isinstance(leaf, Tensor))
        self._givers.update((node, origin) for node in nodes if node is not None)

    def _nearest(self, value: Any) -> dict[Origin, None]:
        """Return the layers and neurons that values were last computed by."""
        waiting = [leaf.grad_fn for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]
        seen: set[Any] = {None}
        nearest: dict[Origin, None] = {}
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            if node in self._givers:
                nearest[self._givers[node]] = None
            else:
                waiting += [before for before, _ in node.next_functions]  # pyrefly: ignore[missing-attribute]
        return nearest

    def layers(self, neuron: nn.Module) -> list[nn.Module]:
        """Return the layers that feed a neuron, except those that it or a later neuron feeds."""
        order = self.neurons()
        later = order[order.index(neuron) :]
        layers = [origin for origin in self._before[neuron] if origin.module not in order]
        back = {layer.module for layer in layers if not layer.neurons.isdisjoint(later)}
        return [module for module in dict.fromkeys(layer.module for layer in layers) if module not in back]


def has_weight(module: nn.Module) -> bool:
    """Return True for a layer scaled by a ``weight`` that is a parameter or is computed from parameters."""
    if isinstance(module, Firing | nn.PReLU):
        return False
    return isinstance(getattr(module, "weight", None), Tensor) and any(True for _ in module.parameters(recurse=True))
