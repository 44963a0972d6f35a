"""The outputs of a network: spikes and other values, and states that stay with their neurons."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from snn_core import SpikingNeuron
from snn_nir.exporting.calls import Call, Recording


def used_ports(node: Call, names: tuple[str, ...], recording: Recording) -> frozenset[str]:
    """Return the names of a neuron's values that the network uses for more than passing its state to the next step."""
    if isinstance(node.value, Tensor):
        return frozenset({"spk"})
    items = {user: names[user.args[1]] for user in node.users}
    ends = {_of_one_step(leaf) for leaf in returned(recording)}

    def used(item: Call) -> bool:
        return item in ends or any(not (takes_as_state(u, item) or _ends(u)) for u in item.users)

    return frozenset(name for item, name in items.items() if used(item))


def returned(recording: Recording) -> list[Call]:
    """Return the values that become an Output, in order.

    These are all values except states: a neuron's state is left out if the network also returns the neuron's spikes, or
    passes the state to the neuron. If only states are returned, they become Outputs.
    """
    leaves = [leaf for leaf in recording.output.args[0] if isinstance(leaf, Call)]
    fired = [_of_one_step(leaf).args for leaf in leaves if _of_one_step(leaf).is_item]
    return [leaf for leaf in leaves if not _stays(_of_one_step(leaf), fired)] or leaves


def _stays(item: Call, fired: list[Any]) -> bool:
    if not item.is_item or item.args[1:] in ((), (0,)):
        return False
    owner = item.args[0]
    if not isinstance(owner.module, SpikingNeuron):
        return False
    return bool(owner.args[1:] or owner.kwargs) or (owner, 0) in fired


def _of_one_step(leaf: Call) -> Call:
    return leaf.args[0][0] if leaf.is_stack else leaf


def _ends(node: Call) -> bool:
    return node.calls("output") or (node.is_stack and all(user.calls("output") for user in node.users))


def takes_as_state(user: Call, item: Call) -> bool:
    """Return True if a call passes a value to a neuron as its state."""
    return isinstance(user.module, SpikingNeuron) and item is not user.args[0]
