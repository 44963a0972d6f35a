"""What a graph's nodes send before anything has happened."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from snn_nir.primitives import Threshold
from snn_nir.wiring import Wiring

__all__ = ["silence", "summed"]


def silence(
    wiring: Wiring, modules: Mapping[str, nn.Module], shapes: Mapping[str, tuple[int, ...]], example: Tensor
) -> dict[str, Tensor]:
    """What the nodes at closing edges send while everything with a state sends 0, for a batch of one.

    Args:
        wiring: The graph's.
        modules: By node; a node without one passes on what it reads.
        shapes: Of what the nodes send.
        example: A tensor of the dtype and on the device of the result.

    Returns:
        ``[1, ...]`` for each of ``wiring.carriers``.

    Example:
        >>> import torch
        >>> from snn_nir.wiring import wired
        >>> edges = [("in", "lif"), ("lif", "w_rec"), ("w_rec", "lif")]
        >>> w_rec = nn.Linear(2, 2).requires_grad_(False)
        >>> _ = w_rec.bias.copy_(torch.tensor([1.0, 2.0]))
        >>> silence(wired(["in", "lif", "w_rec"], edges, ["in"], ["lif"]), {"w_rec": w_rec}, {"lif": (2,)}, w_rec.bias)
        {'w_rec': tensor([[1., 2.]])}
    """
    values: dict[str, Tensor] = {}
    for node in wiring.silent:
        if not node.sources:
            values[node.name] = example.new_zeros(1, *shapes[node.name])
            continue
        total, module = summed([values[source] for source in node.sources]), modules.get(node.name)
        if isinstance(module, Threshold):
            values[node.name] = module.step(total)[0]
        else:
            values[node.name] = total if module is None else module(total)
    return {name: values[name] for name in wiring.carriers}


def summed(terms: list[Tensor]) -> Tensor:
    """The sum of one tensor or several, from first to last.

    Example:
        >>> import torch
        >>> summed([torch.ones(2), torch.ones(2)])
        tensor([2., 2.])
    """
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
