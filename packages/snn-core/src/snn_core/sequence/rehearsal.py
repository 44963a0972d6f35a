"""A few steps of a sequence run ahead, on a copy of a net, to see what memory they take."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from snn_core.neuron.temporal import reset, temporal
from snn_core.sequence.allocations import Section, mark, sections
from snn_core.sequence.folding import Folding
from snn_core.sequence.loop import Run, chunks
from snn_core.sequence.random_states import RandomStates


class Rehearsal:
    """Runs the first steps of a sequence, forward and backward, and counts the memory of tensors.

    The net, its states, gradients and buffers, the input and all random generators stay as they are.

    Args:
        net: The net.
        xs: Its input ``[T, batch, ...]``.
        run: How it runs a stretch.
        resume: Begin from the states that the net holds.
    """

    def __init__(self, net: nn.Module, xs: Tensor, run: Run, resume: bool) -> None:
        self._net, self._xs, self._run, self._resume = net, xs, run, resume

    def __call__(self, steps: int, chunk: int | None = None) -> tuple[list[Section], int]:
        """Run so many steps.

        Args:
            steps: How many, of those that there are.
            chunk: How many at a time; None for all at once.

        Returns:
            The sections, and how many events torch recorded. Each stretch has a section ``"run"`` and one after it,
            ``"ran"``; after those of the forward pass comes ``"backward"``, in which the last stretch is
            differentiated, then the same again for each of the others, and ``"input"`` for the gradient of the input.

        Raises:
            ValueError: If the net cannot be copied, or returns nothing that needs a gradient.
            RuntimeError: If a profiler is recording already, or torch does not record all that is run.

        Example:
            >>> import snn_core as snn
            >>> from snn_core.sequence.loop import steps
            >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
            >>> found, _ = Rehearsal(net, torch.rand(6, 1, 3), steps, resume=False)(6, chunk=3)
            >>> [section.name for section in found]
            ['start', 'run', 'ran', 'run', 'ran', 'backward', 'run', 'ran']
        """
        net, xs = _twin(self._net), _first(self._xs, steps)
        if not self._resume:
            reset(net)
        held = [m._kept for m in temporal(net)], list(net.buffers())
        before = RandomStates()
        try:
            found, events = sections(lambda: self._forward_and_backward(net, xs, chunk))
        finally:
            before.restore()
            del held  # until here, so that nothing goes that was there before
            if torch.is_autocast_enabled(xs.device.type):
                torch.clear_autocast_cache()  # of the copy's parameters
        runs = 1 if chunk is None else 2 * math.ceil(steps / chunk) - 1
        if sum(section.name == "run" for section in found) != runs:
            raise RuntimeError(
                f"unroll: memory= is planned by running {steps} steps ahead, of which torch has not recorded all; plan "
                "outside of compiled code, by plan_memory, and pass chunk="
            )
        return found, events

    def _forward_and_backward(self, net: nn.Module, xs: Tensor, chunk: int | None) -> None:
        def run(net: nn.Module, xs: Tensor, folding: Folding) -> Any:
            mark("run")
            try:
                return self._run(net, xs, folding)
            finally:
                mark("ran")

        whole = Folding(len(xs))
        out = run(net, xs, whole) if chunk is None else chunks(run, net, xs, whole, chunk, truncate=False)
        ends = [tensor for tensor in tree_flatten(out)[0] if tensor.requires_grad]
        if not ends:
            raise ValueError(
                "unroll: memory= is planned for a backward pass, but nothing that the net returns needs a gradient; "
                "call it under torch.no_grad(), or pass chunk="
            )
        mark("backward")
        loss = torch.stack([end.sum() for end in ends]).sum()
        if xs.requires_grad:
            _mark_input(loss, xs)
        loss.backward()


def _twin(net: nn.Module) -> nn.Module:
    try:
        twin = copy.deepcopy(net)
    except Exception as error:
        raise ValueError(
            f"unroll: memory= is planned on a copy of the net, and this {type(net).__name__} cannot be copied "
            f"({type(error).__name__}: {error}); pass chunk= in its place"
        ) from error
    twin.zero_grad(set_to_none=True)
    return twin


def _first(xs: Tensor, steps: int) -> Tensor:
    """The first steps in memory of their own, which lie there as those of the input do."""
    part = xs.detach()[:steps]
    if 0 in part.stride():
        return part.clone().requires_grad_(xs.requires_grad)
    own = torch.empty_strided(part.shape, part.stride(), dtype=part.dtype, device=part.device)
    return own.copy_(part).requires_grad_(xs.requires_grad)


def _mark_input(loss: Tensor, xs: Tensor) -> None:
    """Mark where the gradient of the input is put together of what the stretches give."""
    seen, todo = set(), [loss.grad_fn]
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        for child, _ in node.next_functions:
            if getattr(child, "variable", None) is xs:
                node.register_prehook(lambda _: mark("input"))
            todo.append(child)
