"""Batch normalization of many steps, each by its own statistics."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn_core.effects.attributes import HOOKS
from snn_core.engines.dtypes import NARROW
from snn_core.engines.fused import fits
from snn_core.engines.products import is_compiled

# numbers in a step; with more, the time that two copies take is more than what a call for each step costs
_WORTH_A_COPY = 2**13


def batch_norm_of_steps(xs: Tensor, module: nn.Module) -> Tensor:
    """Compute what a batch normalization returns for one step after another, each with statistics of its own.

    In training, the running statistics are updated as often as there are steps, in their order. If a step is small,
    all steps are computed in one call, as further channels; numbers may differ by rounding.

    Args:
        xs: Steps ``[T, batch, channels, ...]``, T >= 1.
        module: The layer; a subclass of torch's, or a layer with hooks, is called for each step.

    Returns:
        The normalized steps, of the same shape; each step has the layout in memory that the layer returns.

    Raises:
        ValueError: As the layer does, for a wrong number of axes or a single value per channel.
        RuntimeError: As the layer does, for a wrong number of channels.
    """
    if not 0 < xs[0].numel() <= _WORTH_A_COPY or not _takes(module) or not _fits(module, xs):
        return torch.cat([module(x) for x in xs.unbind(0)]).unflatten(0, xs.shape[:2])
    if xs.dim() > 3 and not xs[0].is_contiguous():  # as with channels-last images, whose pixels may count as samples
        pixels = xs.movedim(2, -1)
        rows = _of_all_steps(pixels.flatten(1, -2), module)
        return rows.unflatten(1, pixels.shape[1:-1]).movedim(-1, 2)
    return _of_all_steps(xs, module)


def _takes(module: Any) -> bool:
    """Return True for a layer that normalizes by the statistics of each batch, as torch's own forward does."""
    if type(module) not in _FORWARDS or type(module).forward is not _FORWARDS[type(module)] or is_compiled(module):
        return False
    if "forward" in vars(module) or any(getattr(module, hooks) for hooks in HOOKS):
        return False
    running = module.running_mean, module.running_var, module.num_batches_tracked
    if not module.training:
        return running[0] is None and running[1] is None
    return not module.track_running_stats or all(buffer is not None for buffer in running)


_AXES = {nn.BatchNorm1d: (2, 3), nn.BatchNorm2d: (4,), nn.BatchNorm3d: (5,)}  # of one step
_FORWARDS = {kind: kind.forward for kind in _AXES}  # as they are at import, before anyone can replace them


def _fits(module: Any, xs: Tensor) -> bool:
    """Return True if one call may stand for all, and the layer raises no error that names a shape."""
    running, channels = module.running_mean, module.num_features
    tensors = [t for t in (module.weight, module.bias, running, module.running_var) if t is not None]
    return (
        xs.dim() - 1 in _AXES[type(module)]
        and xs.shape[2] == channels
        and all(t.shape == (channels,) for t in tensors)
        and xs[0].numel() > channels
        and (running is None or running.dtype not in NARROW)  # which round what each step adds
        and (torch.compiler.is_compiling() or fits(xs, *tensors))
    )


def _of_all_steps(xs: Tensor, module: Any) -> Tensor:
    """Return the normalized steps ``[T, batch, channels, ...]``, computed as ``[batch, T * channels, ...]``."""
    steps, channels = xs.shape[0], xs.shape[2]
    tracks = module.training and module.track_running_stats
    mean = module.running_mean.new_zeros(steps * channels) if tracks else None
    var = module.running_var.new_ones(steps * channels) if tracks else None
    weight, bias = (None if p is None else p.repeat(steps) for p in (module.weight, module.bias))
    # with a momentum of 1, the running statistics become those of the batch
    out = F.batch_norm(xs.transpose(0, 1).flatten(1, 2), mean, var, weight, bias, True, 1.0, module.eps)
    if mean is not None and var is not None:
        _track(module, mean.view(steps, channels), var.view(steps, channels))
    return out.unflatten(1, (steps, channels)).transpose(0, 1).contiguous()


@torch.no_grad()
def _track(module: Any, means: Tensor, variances: Tensor) -> None:
    """Update the running statistics by those of each step ``[T, channels]``, as T calls of the layer do."""
    steps = len(means)
    if module.momentum is None:
        before = int(module.num_batches_tracked)
        factors = [1 / (before + t) for t in range(1, steps + 1)]
    else:
        factors = [module.momentum] * steps
    module.num_batches_tracked.add_(steps)
    shares, kept = [0.0] * steps, 1.0  # of each step, and of the statistics before, in the result
    for t in reversed(range(steps)):
        shares[t], kept = factors[t] * kept, (1 - factors[t]) * kept
    by_step = means.new_tensor(shares).unsqueeze(1)
    # as torch does it: a graph that has saved the buffers does not see that they change
    module.running_mean.data.mul_(kept).add_((by_step * means).sum(0))
    module.running_var.data.mul_(kept).add_((by_step * variances).sum(0))
