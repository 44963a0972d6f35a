"""A recording [T, B, C] and the labels of its samples, which losses and accuracies accept."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from snn_core.neuron import time_first
from snn_functional._device_checks import answers_at_once, is_any
from snn_functional._messages import fault, must
from snn_functional._steps import Steps

_ADD_TIME = "pass torch.stack(steps) of the outputs of a loop, or unroll over xs[T, batch, ...]"


def check_real(steps: Any, name: str, fix: str = "") -> None:
    """Check that the steps of a sequence are a tensor of real numbers."""
    if not isinstance(steps, Tensor):
        raise TypeError(must(name, "be a torch.Tensor", type(steps).__name__, "pass torch.stack(steps)"))
    if steps.is_complex():
        raise TypeError(must(name, "contain real numbers", f"dtype {steps.dtype}", fix))


def check_sequence(steps: Any, name: str, fix: str = "") -> None:
    """Check that a sequence ``[num_steps, batch, ...]`` is real, and that none of its axes is empty."""
    check_real(steps, name, fix)
    if steps.dim() < 2 or not steps.numel():
        raise ValueError(must(name, "have shape [num_steps, batch, ...], with no axis of size 0", tuple(steps.shape)))


def check_recording(recording: Tensor, name: str = "spk_out") -> None:
    """Check that a recording ``[T, B, C]`` is real, and that none of its axes is empty."""
    first = recording[0] if isinstance(recording, list) and recording else recording
    if isinstance(first, tuple):
        several = "tuple" if first is recording else "list of tuples"
        raise TypeError(
            must(
                name,
                "be a torch.Tensor [num_steps, batch, num_outputs]",
                f"{several}, as a net whose last neuron has output=True returns spikes and membranes",
                "pass one of them, as in spk, mem = net(x)",
            )
        )
    check_real(recording, name)
    if recording.dim() != 3 or not recording.numel():
        raise ValueError(
            must(
                name,
                "have shape [num_steps, batch, num_outputs], with no axis of size 0",
                tuple(recording.shape),
                _ADD_TIME if recording.dim() == 2 else "",
            )
        )


def warn_of_membranes(recording: Tensor, steps: Steps, fix: str) -> None:
    """Warn of outputs ``[T, B, C]`` in place of spikes that are negative and of several sizes, as membranes are.

    A spike is 0 or the amplitude of its neuron, of either sign if it stands for a change. Neither an accelerator nor a
    transform is asked, as the answer would take long or not exist. Python shows the same words once for each line.
    """
    if torch.compiler.is_compiling() or torch.jit.is_tracing() or torch._C._are_functorch_transforms_active():
        return
    values = steps.only(recording.detach())
    if not answers_at_once(values) or not values.amin() < 0:
        return
    sizes = values.abs()
    if not ((sizes == 0) | (sizes == sizes.amax((0, 1)))).all():
        warnings.warn(
            fault("spk_out has negative values of several sizes, as membranes have, not spikes", fix),
            UserWarning,
            stacklevel=3,
        )


def checked_labels(
    targets: Tensor, recording: Tensor, num_classes: int, name: str = "spk_out", counted: Tensor | None = None
) -> Tensor:
    """Return labels ``[B]`` that fit a recording ``[T, B, C]``, as int64; 0 where they do not count.

    Labels on an accelerator that are not classes stop the device, so that the CPU does not wait for its answer.
    """
    if not isinstance(targets, Tensor):
        raise TypeError(must("targets", "be a torch.Tensor", type(targets).__name__, "pass torch.as_tensor(targets)"))
    if targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool:
        raise TypeError(must("targets", "be integers", f"dtype {targets.dtype}", "pass targets.long()"))
    batch = recording.shape[1]
    if targets.shape != (batch,):
        raise ValueError(
            must(
                "targets",
                f"have one label per sample, [{batch}], for {name} of shape {tuple(recording.shape)}",
                f"{tuple(targets.shape)}{time_first(targets.shape, recording.shape)}",
            )
        )
    if targets.device != recording.device:
        raise ValueError(
            must("targets", f"be on {recording.device} like {name}", targets.device, f"pass targets.to({name}.device)")
        )
    labels = targets.long() if counted is None else targets.long().masked_fill(~counted, 0)
    # A graph cannot branch on data; compiled code leaves the check to the gather that follows.
    if torch.compiler.is_compiling():
        return labels
    if answers_at_once(labels):  # their range alone takes a third of the time
        lowest, highest = map(int, labels.aminmax())
        if lowest >= 0 and highest < num_classes:
            return labels
    unknown = (labels < 0) | (labels >= num_classes)
    rule = f"be in [0, {num_classes - 1}] with {num_classes} classes"
    if is_any(unknown, f"targets must {rule}"):
        raise ValueError(must("targets", rule, labels[unknown][0].item()))
    return labels


def wide(recording: Tensor) -> Tensor:
    """Return a recording in a dtype that can count: float32 for 16-bit floats, the default for integers."""
    # float16 ends at 65504, which the square of a spike count exceeds at 256 spikes.
    if recording.is_floating_point():
        return recording.to(torch.promote_types(recording.dtype, torch.float32))
    return recording.to(torch.get_default_dtype())
