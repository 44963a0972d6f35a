"""Tensors that share memory, and copies that do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten


def separate(tensors: Sequence[Any], others: Iterable[Any]) -> list[Any]:
    """Return tensors, with copies in place of those that share memory with others or with an earlier one.

    Args:
        tensors: The tensors; other values stay as they are.
        others: Tensors with which they must not share memory.

    Returns:
        The tensors, with as few copies as possible. Tensors of a compiler, or without memory of their own, are not
        copied.

    Example:
        >>> x = torch.zeros(2)
        >>> first, second = separate((x, x.view(1, 2)), [])
        >>> second += 1
        >>> first, second
        (tensor([0., 0.]), tensor([[1., 1.]]))
    """
    if torch.compiler.is_compiling():
        return list(tensors)
    return list(_apart_from({memory_of(other) for other in others} - {0}, tensors))


def apart(out: Any, states: Mapping[Any, Any], xs: Tensor) -> tuple[Any, dict[Any, Any]]:
    """Return the output of a net and the states after it, with no part in memory that belongs to something else."""
    if torch.compiler.is_compiling():
        return out, dict(states)
    of_input, own = {memory_of(xs)} - {0}, {}
    taken = set(of_input)
    for owner, kept in states.items():
        memory = set(of_input)
        own[owner] = _apart_from(memory, kept) if isinstance(kept, tuple) else kept
        taken |= memory
    if isinstance(out, Tensor):
        return _apart_from(taken, (out,))[0], own
    flat, spec = tree_flatten(out)
    return tree_unflatten(_apart_from(taken, flat), spec), own


def _apart_from(taken: set[int], tensors: Sequence[Any]) -> Any:
    """Return tensors, with copies in place of those in memory that is taken; that of the others becomes taken."""
    own, copied = [], False
    for tensor in tensors:
        memory = memory_of(tensor)
        if memory in taken:
            tensor, copied = tensor.clone(), True
        elif memory:
            taken.add(memory)
        own.append(tensor)
    if isinstance(tensors, tuple):
        return getattr(tensors, "_make", tuple)(own) if copied else tensors
    return own


def memory_of(tensor: Any) -> int:
    """Return the address of the memory to which a tensor belongs; 0 if it has no memory that can be compared."""
    if type(tensor) not in (Tensor, nn.Parameter, nn.Buffer) or tensor.layout != torch.strided:
        return 0
    try:
        return tensor.untyped_storage().data_ptr()
    except NotImplementedError:  # it is inside a transform
        return 0
