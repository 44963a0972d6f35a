"""The states of samples that end one after another, set aside and put back together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from snn_core.neuron.kept_state import each


class Ending:
    """A store for the states of samples as they end, which puts all of them back together.

    Args:
        order: The samples by decreasing length, ``[batch]``; None if all run to the end.
        owner: Name of the module that the states belong to, for messages.

    Example:
        >>> ending = Ending(torch.tensor([2, 0, 1]), "Leaky")
        >>> (mem,) = ending.running((torch.tensor([1.0, 2.0, 3.0]),), 2)
        >>> mem
        tensor([3., 1.])
        >>> ending.whole((10 * mem,))
        (tensor([10.,  2., 30.]),)
    """

    def __init__(self, order: Tensor | None, owner: str) -> None:
        self._order = order
        self._owner = owner
        self._running: int | None = None
        self._ended: list[tuple[Any, int]] = []

    def running(self, kept: Any, count: int) -> Any:
        """Return the state of the samples that still run, the first ``count`` in the order, and set the rest aside.

        Args:
            kept: The state of the samples that ran before; in the first call, the state of the whole batch. It is a
                tuple of tensors ``[samples, ...]``, one number for all samples, or None at rest.
            count: Number of samples.

        Raises:
            ValueError: If the state has a different number of samples.
        """
        if self._order is None:
            return kept
        if self._running is None:
            self._running = len(self._order)
            kept = self._ordered(kept, self._order)
        if count < self._running:
            kept = _by_sample(kept, self._running)
            self._ended.append((each(lambda state: state[count:], kept), self._running - count))
            kept, self._running = each(lambda state: state[:count], kept), count
        return kept

    def whole(self, kept: Any) -> Any:
        """Return the state of the whole batch in its original order, given the state of the samples that still run."""
        if self._order is None or self._running is None:
            return kept
        parts = [(kept, self._running), *reversed(self._ended)]
        if len(parts) > 1:
            kept = _concatenated(parts)
        return self._ordered(kept, self._order.argsort())

    def _ordered(self, kept: Any, order: Tensor) -> Any:
        for state in kept if isinstance(kept, tuple) else ():
            if not _is_rest(state) and len(state) != len(order):
                raise ValueError(
                    f"{self._owner} keeps a state of {len(state)} samples from its last call, but this batch has "
                    f"{len(order)}; call snn.utils.reset(net) before a new batch or sequence"
                )
        return each(
            lambda state: state if _is_rest(state) else state.index_select(0, placed(order, state.device)), kept
        )


def _concatenated(parts: list[tuple[Any, int]]) -> Any:
    """Return the state of all samples, given its parts and the number of samples in each."""
    parts = [(_by_sample(kept, samples), samples) for kept, samples in parts]
    like = next((kept for kept, _ in parts if kept is not None), None)
    if like is None:
        return None
    columns = zip(*(kept or (None,) * len(like) for kept, _ in parts), strict=True)
    return getattr(like, "_make", tuple)(_stacked(column, [samples for _, samples in parts]) for column in columns)


def _by_sample(kept: Any, samples: int) -> Any:
    """Return a state with a number for each sample instead of one number for all, on the CPU, where it is read."""
    return (torch.full((samples,), kept, device="cpu"),) if isinstance(kept, int) else kept


def _stacked(column: Sequence[Tensor | None], counts: Sequence[int]) -> Tensor | None:
    like = next((state for state in column if not _is_rest(state)), None)
    if like is None:
        return column[0]
    pairs = zip(column, counts, strict=True)
    return torch.cat([like.new_zeros((n, *like.shape[1:])) if s is None or _is_rest(s) else s for s, n in pairs])


def _is_rest(state: Tensor | None) -> bool:
    return state is None or state.shape == (0,)


def placed(index: Tensor, device: torch.device) -> Tensor:
    """Copy an index from the CPU to a device, without waiting for the copy if that is safe."""
    return index.to(device, non_blocking=device.type == "cuda")
