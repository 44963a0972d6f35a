"""A recording [T, B, C] and the labels of its samples, which losses and accuracies accept."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_functional._device_checks import answers_at_once, leave_to_device


def check_recording(recording: Tensor, name: str = "spk_out") -> None:
    """Check that a recording is real and has at least one step, one sample and one output.

    Args:
        recording: Spikes or membranes of the output layer ``[T, B, C]``.
        name: The argument's name, for the message.

    Raises:
        TypeError: If ``recording`` is not a real tensor.
        ValueError: If it has other than three axes, or one of them is empty.
    """
    if not isinstance(recording, Tensor):
        raise TypeError(f"{name} is a {type(recording).__name__}; pass a torch.Tensor, as torch.stack of the steps")
    if recording.is_complex():
        raise TypeError(f"{name} has dtype {recording.dtype}; a recording holds real numbers")
    if recording.dim() != 3 or not recording.numel():
        raise ValueError(
            f"{name} has shape {tuple(recording.shape)}; it must be [num_steps, batch, num_outputs], none of them 0"
        )


def checked_labels(targets: Tensor, recording: Tensor, num_classes: int, name: str = "spk_out") -> Tensor:
    """Return labels that fit a recording, as int64.

    Args:
        targets: Labels ``[B]``, integers in [0, num_classes - 1].
        recording: The recording that they belong to, ``[T, B, C]``.
        num_classes: Number of classes.
        name: The recording's name, for messages.

    Returns:
        The labels ``[B]``, int64.

    Raises:
        TypeError: If ``targets`` is not an integer tensor.
        ValueError: If its shape or device is not that of the recording's batch, or a label is not a class; such labels
            on an accelerator stop the device instead, so that nothing waits for it.
    """
    if not isinstance(targets, Tensor):
        raise TypeError(f"targets is a {type(targets).__name__}; pass a torch.Tensor, as torch.as_tensor(targets)")
    if targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool:
        raise TypeError(f"targets has dtype {targets.dtype}; labels are integers: pass targets.long()")
    batch = recording.shape[1]
    if targets.shape != (batch,):
        raise ValueError(
            f"targets has shape {tuple(targets.shape)}; {name} of shape {tuple(recording.shape)} needs one label a "
            f"sample, [{batch}]"
        )
    if targets.device != recording.device:
        raise ValueError(
            f"targets is on {targets.device}, {name} on {recording.device}; pass targets.to({name}.device)"
        )
    labels = targets.long()
    # A graph cannot branch on data; compiled code leaves the check to the gather that follows.
    if torch.compiler.is_compiling():
        return labels
    if answers_at_once(labels):
        lowest, highest = map(int, labels.aminmax())
        if lowest < 0 or highest >= num_classes:
            unknown = (labels < 0) | (labels >= num_classes)
            raise ValueError(
                f"targets holds {labels[unknown][0].item()}; with {num_classes} classes a label lies in "
                f"[0, {num_classes - 1}]"
            )
    else:
        message = f"targets holds no class; with {num_classes} classes a label lies in [0, {num_classes - 1}]"
        leave_to_device(((labels >= 0) & (labels < num_classes)).all(), message)
    return labels


def wide(recording: Tensor) -> Tensor:
    """Return a recording in a dtype that can count: 16-bit floats as float32, integers and bools in the default dtype.

    Args:
        recording: Numbers of any shape.

    Returns:
        The same numbers, of the same shape, as float32 or float64.
    """
    # float16 ends at 65504, which the square of a spike count exceeds at 256 spikes.
    if recording.is_floating_point():
        return recording.to(torch.promote_types(recording.dtype, torch.float32))
    return recording.to(torch.get_default_dtype())
