"""The time steps of each sample that count: all of a batch, or those given by a length or a mask."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from snn_core.neuron import time_first
from snn_functional._device_checks import is_any
from snn_functional._messages import fault, must
from snn_functional._numbers import as_tensor


class Steps:
    """The steps of the samples of a recording ``[T, B, ...]``.

    A step that does not count is treated as absent: each result is, sample by sample, what it would be for the steps
    that count, without the others between them. ``lengths[B]`` are in [1, T], and ``mask[T, B]`` is True in some step
    of each sample; ``name`` is that of the recording, for messages.
    """

    def __init__(self, recording: Tensor, lengths: Any, mask: Any, name: str = "spk_out") -> None:
        if lengths is not None and mask is not None:
            raise ValueError(fault("lengths and mask are both given", "pass one of them"))
        if lengths is not None:
            mask = _first(recording, checked_lengths(lengths, recording, name))
        elif mask is not None:
            mask = _checked_mask(mask, recording, name)
        self.counted: Tensor | None = mask  # the steps that count [T, B]; None if all do
        self._recorded = recording.shape[0]

    @property
    def number(self) -> Tensor | int:
        """The number of steps, ``[B]`` or one for all."""
        return self._recorded if self.counted is None else self.counted.sum(0)

    def numbers(self, device: torch.device) -> Tensor:
        """Return the number of steps on a device, ``[B]`` or ``[]``."""
        return torch.full((), self._recorded, device=device) if self.counted is None else self.counted.sum(0)

    def only(self, recording: Tensor, otherwise: float = 0.0) -> Tensor:
        """Return a recording ``[T, B, ...]`` with a constant in the steps that do not count."""
        if self.counted is None:
            return recording
        aside = ~self.counted
        return recording.masked_fill(aside.reshape(*aside.shape, *[1] * (recording.dim() - 2)), otherwise)

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean over the steps of ``[T, B, ...]``."""
        if self.counted is None:
            return values.mean(0)
        number = self.counted.sum(0).reshape(-1, *[1] * (values.dim() - 2))
        return self.only(values).sum(0) / number

    def time(self, index: Tensor) -> Tensor:
        """Return how many steps of its sample come before an index along T, for indices ``[B, C]``."""
        if self.counted is None:
            return index
        before = (self.counted.cumsum(0) - 1).unsqueeze(-1).expand(-1, *index.shape)
        return before.gather(0, index.unsqueeze(0)).squeeze(0)

    def last(self, like: Tensor) -> Tensor:
        """Return the index along T of the last step of each sample, for each entry of ``[B, C]``."""
        if self.counted is None:
            return torch.full_like(like, self._recorded - 1)
        last = self._recorded - 1 - self.counted.flip(0).to(torch.uint8).argmax(0)
        return last.unsqueeze(-1).expand_as(like)


def _first(recording: Tensor, lengths: Tensor) -> Tensor:
    # do not wait for a copy to CUDA: the tensor does not change until it is copied
    lengths = lengths.to(recording.device, non_blocking=recording.device.type == "cuda")
    return torch.arange(recording.shape[0], device=recording.device).unsqueeze(-1) < lengths


def checked_lengths(lengths: Any, recording: Tensor, name: str) -> Tensor:
    """Return the steps of each sample ``[B]``, int64, of a recording ``[T, B, ...]``; from a list, on the CPU.

    Numbers on an accelerator outside [1, T] stop the device, so that the CPU does not wait for its answer.
    """
    steps, batch = recording.shape[:2]
    tensor = as_tensor("lengths", lengths, "one int for each sample, as a tensor or a list")
    if tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(must("lengths", "be integers", f"dtype {tensor.dtype}", "pass lengths.long()"))
    if tensor.shape != (batch,):
        raise ValueError(
            must(
                "lengths",
                f"have one length per sample, [{batch}], for {name} of shape {tuple(recording.shape)}",
                f"{tuple(tensor.shape)}{time_first(tensor.shape, recording.shape)}",
            )
        )
    tensor = tensor.long()  # narrow integers would wrap the numbers they are compared with
    if not torch.compiler.is_compiling():
        outside = (tensor < 1) | (tensor > steps)
        rule = f"be in [1, {steps}] with {steps} steps"
        if is_any(outside, f"lengths must {rule}"):
            raise ValueError(must("lengths", rule, tensor[outside][0].item()))
    return tensor


def _checked_mask(mask: Any, recording: Tensor, name: str) -> Tensor:
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        kind = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
        raise TypeError(must("mask", "be a bool tensor that is True at the steps that count", kind))
    if mask.shape != recording.shape[:2]:
        transposed = "pass mask.T" if mask.shape == (recording.shape[1], recording.shape[0]) else ""
        raise ValueError(
            must(
                "mask",
                f"have shape [num_steps, batch] = {list(recording.shape[:2])} for {name} of shape "
                f"{tuple(recording.shape)}",
                tuple(mask.shape),
                transposed,
            )
        )
    if mask.device != recording.device:
        raise ValueError(
            must("mask", f"be on {recording.device} like {name}", mask.device, f"pass mask.to({name}.device)")
        )
    if not torch.compiler.is_compiling():
        empty = ~mask.any(0)
        if is_any(empty, "mask leaves a sample without a step"):
            raise ValueError(
                fault(f"mask leaves sample {int(empty.nonzero()[0])} without a step", "leave that sample out")
            )
    return mask
