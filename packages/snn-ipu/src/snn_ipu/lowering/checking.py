"""A check for obstacles between a net and an IPU, which needs neither an IPU nor its SDK."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from snn_ipu.device.running import OPTIMIZERS
from snn_ipu.issues import Found, IpuIssue
from snn_ipu.lowering.lowering import described_net
from snn_ipu.program.losses import chosen_loss

__all__ = ["check"]


def check(
    net: nn.Module,
    example: Tensor,
    *,
    training: bool = False,
    loss: Any = None,
    optimizer: Any = None,
    split: int = 1,
    num_steps: int | None = None,
) -> list[IpuIssue]:
    """List the parts of a net that an IPU does not support; the net does not change, and PopTorch is not needed.

    The rules: IPU001 a value read on the host, 002 a size that depends on values, 003 a backward pass that PopTorch
    ignores, 004 an operation that is not lowered, 005 a state that forward keeps, 006 no loss, 007 the optimizer, 008 a
    batch that cannot be split, 009 a dtype, 010 a number of steps other than the compiled one. Of 001 to 005 only the
    first is listed.

    Args:
        net: The net.
        example: Its input, ``[T, batch, ...]``.
        training: True to check it for training, which needs a loss.
        loss: As for ``lower``.
        optimizer: The optimizer for training, an object or its class.
        split: ``device_iterations * gradient_accumulation * replication_factor``.
        num_steps: The number of steps for which a program was compiled.

    Returns:
        The issues, empty if there are none.

    Raises:
        TypeError: If ``net`` is not a module or ``example`` is not a tensor.
        ValueError: If the example has no step or no sample.

    Example:
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.LeakyParallel(2, 2))
        >>> for issue in check(net, torch.rand(5, 4, 3), training=True, split=3):
        ...     print(issue.code, issue.where)
        IPU004 1
        IPU006
        IPU008
    """
    issues = []
    sizes: list[int | None] | None = None
    try:
        sizes = described_net(net, example)[2]
    except Found as problem:
        issues.append(problem.issue)
    if training or loss is not None:
        issues += _loss_issues(loss, sizes)
    if optimizer is not None:
        name = (optimizer if isinstance(optimizer, type) else type(optimizer)).__name__
        if name not in OPTIMIZERS:
            remedy = f"take one of {', '.join(OPTIMIZERS)}"
            issues.append(IpuIssue("IPU007", "", f"PopTorch cannot compile {name}", remedy))
    if example.shape[1] % split:
        message = f"a batch of {example.shape[1]} cannot be split into {split} parts"
        issues.append(IpuIssue("IPU008", "", message, f"take a multiple of {split}"))
    if num_steps is not None and example.shape[0] != num_steps:
        message = f"the input has {example.shape[0]} steps, but the program is compiled for {num_steps}"
        issues.append(IpuIssue("IPU010", "", message, "export the net for this number of steps, or pad the input"))
    return issues + _silent_casts(net, example)


def _loss_issues(loss: Any, sizes: list[int | None] | None) -> list[IpuIssue]:
    if loss is None:
        return [IpuIssue("IPU006", "", "training needs a loss inside the program", "pass loss='ce_rate', for example")]
    try:
        chosen_loss(loss, 1 if sizes is None else len(sizes), sizes=sizes)
    except ValueError as error:
        message, _, remedy = str(error).replace("IPU006: ", "").rpartition("; ")
        return [IpuIssue("IPU006", "", message, remedy)]
    return []


def _silent_casts(net: nn.Module, example: Tensor) -> list[IpuIssue]:
    """Return issues for float64, which PopTorch would silently take as float32."""
    for name, value in (("the input", example), *net.named_parameters(), *net.named_buffers()):
        if value.dtype == torch.float64:
            return [IpuIssue("IPU009", "", f"{name} is float64, which PopTorch takes as float32", "call .float()")]
    return []
