"""What a network returns: spikes and values that go on, and states that stay with their neurons."""

from __future__ import annotations

from typing import Any

from torch import fx
from torch.utils._pytree import tree_leaves

from snn_core import SpikingNeuron
from snn_nir.exporting.recording import Recording
from snn_nir.exporting.steps import is_item, is_stack

__all__ = ["outputs_of", "ports_wanted", "returned"]


def outputs_of(neuron: Any) -> tuple[str, ...]:
    """Names of what a call of a neuron returns, in order.

    Example:
        >>> import snn_core as snn
        >>> outputs_of(snn.Synaptic(alpha=0.9, beta=0.8))
        ('spk', 'syn', 'mem')
    """
    if neuron.init_hidden and not neuron.output:
        return ("spk",)
    return ("spk", *(name for name in neuron.State._fields if name != "spk"))


def ports_wanted(node: fx.Node, names: tuple[str, ...], recording: Recording) -> frozenset[str]:
    """Which of a neuron's values the network uses, other than to hand its state to the next step.

    Args:
        node: The call of the neuron.
        names: What it returns.
        recording: The recording.

    Returns:
        Of the names.
    """
    items = {user: names[user.args[1]] for user in node.users if is_item(user)}  # pyrefly: ignore[bad-index]
    if len(items) < len(node.users):
        return frozenset({"spk"})  # returned as a whole, or spikes alone
    ends = {_of_one_step(leaf) for leaf in returned(recording)}

    def used(item: fx.Node) -> bool:
        return item in ends or any(not (_takes_as_state(u, item, recording) or _ends(u)) for u in item.users)

    return frozenset(name for item, name in items.items() if used(item))


def returned(recording: Recording) -> list[fx.Node]:
    """What becomes an Output, in order.

    That is everything but the state of a neuron whose spikes are returned too, or that is passed its state; where
    nothing else is returned, the states are.

    Args:
        recording: The recording.

    Returns:
        The values.
    """
    *_, output = recording.graph.nodes
    leaves = [leaf for leaf in tree_leaves(output.args[0]) if isinstance(leaf, fx.Node)]
    fired = [_of_one_step(leaf).args for leaf in leaves if is_item(_of_one_step(leaf))]
    return [leaf for leaf in leaves if not _stays(_of_one_step(leaf), fired, recording)] or leaves


def _stays(item: fx.Node, fired: list[Any], recording: Recording) -> bool:
    if not is_item(item) or item.args[1] == 0:
        return False
    owner: Any = item.args[0]
    if owner.op != "call_module" or not isinstance(recording.module(owner), SpikingNeuron):
        return False
    return bool(owner.args[1:] or owner.kwargs) or (owner, 0) in fired


def _of_one_step(leaf: fx.Node) -> fx.Node:
    parts: Any = leaf.args[0] if is_stack(leaf) else [leaf]
    return parts[0]


def _ends(node: fx.Node) -> bool:
    return node.op == "output" or (is_stack(node) and all(user.op == "output" for user in node.users))


def _takes_as_state(user: fx.Node, item: fx.Node, recording: Recording) -> bool:
    is_neuron = user.op == "call_module" and isinstance(recording.module(user), SpikingNeuron)
    return is_neuron and item is not user.args[0]
