"""Tensors that share no memory, so that writing into one of them changes no other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def separate(tensors: Sequence[Any], others: Iterable[Any]) -> list[Any]:
    """Return the same tensors, but copies of those that share memory with others or with one before them.

    Args:
        tensors: The tensors; whatever is none stays.
        others: What they must not share memory with.

    Returns:
        The same, with as few copies as there can be. What a compiler looks at or has no memory of its own stays.

    Example:
        >>> x = torch.zeros(2)
        >>> first, second = separate((x, x.view(1, 2)), [])
        >>> second += 1
        >>> first, second
        (tensor([0., 0.]), tensor([[1., 1.]]))
    """
    if torch.compiler.is_compiling():
        return list(tensors)
    taken = {memory_of(other) for other in others} - {0}
    apart = []
    for tensor in tensors:
        memory = memory_of(tensor)
        apart.append(tensor.clone() if memory in taken else tensor)
        if memory:
            taken.add(memory)
    return apart


def memory_of(tensor: Any) -> int:
    """Return where the memory begins that a tensor is a part of; 0 where it has none that could be compared."""
    if type(tensor) not in (Tensor, nn.Parameter, nn.Buffer) or tensor.layout != torch.strided:
        return 0
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        return 0
    return tensor.untyped_storage().data_ptr()
