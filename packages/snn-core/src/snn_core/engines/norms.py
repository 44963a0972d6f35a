"""Batch normalization of many steps, each by its own statistics."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn_core.effects.attributes import HOOKS
from snn_core.engines.dtypes import NARROW
from snn_core.engines.fused import fits, is_plain_by_element
from snn_core.engines.products import is_compiled

# numbers in a step; with more, the time that two copies take is more than what a call for each step costs
_WORTH_A_COPY = 2**13


def batch_norm_of_steps(xs: Tensor, module: nn.Module) -> Tensor:
    """Compute what a batch normalization returns for one step after another, each with statistics of its own.

    In training, the running statistics are updated as often as there are steps, in their order. If a step is small,
    all steps are computed in one call, as further channels, and numbers may differ by rounding. On a CPU, larger steps
    are computed one by one into the memory of the result.

    Args:
        xs: Steps ``[T, batch, channels, ...]``, T >= 1.
        module: The layer; a subclass of torch's, or a layer with hooks, is called for each step.

    Returns:
        The normalized steps, of the same shape; channels-last images stay so.

    Raises:
        ValueError: As the layer does, for a wrong number of axes or a single value per channel.
        RuntimeError: As the layer does, for a wrong number of channels.
    """
    if not xs[0].numel() or not _takes(module) or not _fits(module, xs):
        return _by_calls(xs, module)
    if xs[0].numel() > _WORTH_A_COPY:
        if not _is_native(xs, module):
            return _by_calls(xs, module)
        out: Tensor = _Steps.apply(module, xs, module.weight, module.bias)
        return out
    if module.running_mean is not None and module.running_mean.dtype in NARROW:  # they round what each step adds
        return _by_calls(xs, module)
    if xs.dim() > 3 and not xs[0].is_contiguous():  # as with channels-last images, whose pixels may count as samples
        pixels = xs.movedim(2, -1)
        rows = _in_one_call(pixels.flatten(1, -2), module)
        return rows.unflatten(1, pixels.shape[1:-1]).movedim(-1, 2)
    return _in_one_call(xs, module)


def _by_calls(xs: Tensor, module: nn.Module) -> Tensor:
    return torch.cat([module(x) for x in xs.unbind(0)]).unflatten(0, xs.shape[:2])


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
    """Return True if other calls may replace the layer's, which would raise no error that names a shape."""
    channels, tensors = module.num_features, _tensors(module)
    return (
        xs.dim() - 1 in _AXES[type(module)]
        and xs.shape[2] == channels
        and all(t.shape == (channels,) for t in tensors)
        and xs[0].numel() > channels
        and (torch.compiler.is_compiling() or fits(xs, *tensors))
    )


def _tensors(module: Any) -> list[Tensor]:
    tensors = module.weight, module.bias, module.running_mean, module.running_var
    return [tensor for tensor in tensors if tensor is not None]


def _is_native(xs: Tensor, module: Any) -> bool:
    """Return True if the layer would call torch's own code for a CPU, in one dtype and a layout that this can write."""
    tensors = xs, *_tensors(module)
    return (
        xs.device.type == "cpu"
        and xs.dtype in (torch.float32, torch.float64)
        and all(tensor.dtype == xs.dtype for tensor in tensors)
        and (xs[0].is_contiguous() or (xs.dim() > 4 and xs[0].movedim(1, -1).is_contiguous()))
        and is_plain_by_element(*tensors)
    )


def _tracks(module: Any) -> bool:
    return bool(module.training and module.track_running_stats)


def _factors(module: Any, steps: int) -> list[float]:
    """Return the weight of each step in the update of the running statistics, and count the steps."""
    if not _tracks(module):
        return [0.0] * steps
    momentum, count = module.momentum, module.num_batches_tracked
    factors = [1 / (int(count) + t) for t in range(1, steps + 1)] if momentum is None else [momentum] * steps
    count.add_(steps)
    return factors


def _in_one_call(xs: Tensor, module: Any) -> Tensor:
    """Return the normalized steps ``[T, batch, channels, ...]``, computed as ``[batch, T * channels, ...]``."""
    steps, channels = xs.shape[0], xs.shape[2]
    mean = module.running_mean.new_zeros(steps * channels) if _tracks(module) else None
    var = module.running_var.new_ones(steps * channels) if _tracks(module) else None
    weight, bias = (None if p is None else p.repeat(steps) for p in (module.weight, module.bias))
    # with a momentum of 1, the running statistics become those of the batch
    out = F.batch_norm(xs.transpose(0, 1).flatten(1, 2), mean, var, weight, bias, True, 1.0, module.eps)
    if mean is not None and var is not None:
        _track(module, mean.view(steps, channels), var.view(steps, channels))
    return out.unflatten(1, (steps, channels)).transpose(0, 1).contiguous()


@torch.no_grad()
def _track(module: Any, means: Tensor, variances: Tensor) -> None:
    """Update the running statistics by those of each step ``[T, channels]``, as T calls of the layer do."""
    if not _tracks(module):
        return
    factors = _factors(module, len(means))
    shares, kept = [0.0] * len(means), 1.0  # of each step, and of the statistics before, in the result
    for t in reversed(range(len(means))):
        shares[t], kept = factors[t] * kept, (1 - factors[t]) * kept
    by_step = means.new_tensor(shares).unsqueeze(1)
    # as torch does it: a graph that has saved the buffers does not see that they change
    module.running_mean.data.mul_(kept).add_((by_step * means).sum(0))
    module.running_var.data.mul_(kept).add_((by_step * variances).sum(0))


class _Steps(torch.autograd.Function):
    """The batch normalization of one step after another, each written into the memory of all steps.

    Torch computes steps with the channels first; images with the channels last are summed here.
    """

    @staticmethod
    def forward(ctx: Any, module: Any, xs: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
        out = torch.empty_like(xs)
        means, scales = xs.new_empty(2, len(xs), xs.shape[2])
        if xs[0].is_contiguous():
            running = (module.running_mean, module.running_var) if _tracks(module) else (None, None)
            for t, factor in enumerate(_factors(module, len(xs))):
                results = {"out": out[t], "save_mean": means[t], "save_invstd": scales[t]}
                torch.ops.aten.native_batch_norm(xs[t], weight, bias, *running, True, factor, module.eps, **results)
        else:
            variances = torch.empty_like(means)
            for t in range(len(xs)):
                means[t], variances[t] = _centered_pixels(xs[t], out[t])
                scales[t] = torch.rsqrt(variances[t] + module.eps)
                _scale_pixels(out[t], scales[t] if weight is None else scales[t] * weight, bias)
            count = xs[0].numel() // xs.shape[2]
            _track(module, means, variances * (count / (count - 1)))
        ctx.save_for_backward(xs, weight, means, scales)
        ctx.eps = module.eps
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:
        (grad,), (xs, weight, means, scales), (_, *needs) = grads, ctx.saved_tensors, ctx.needs_input_grad
        of_xs, others = torch.empty_like(xs), []
        # torch's own is made of vectors of channels, and slow if these are few
        few = xs.dim() > 4 and xs.shape[2] < _FEW and not xs[0].is_contiguous()
        by_pixels = few and not torch.is_grad_enabled()
        for t in range(len(xs)):
            if by_pixels:
                of_step, *of_parameters = _gradients_of_pixels(grad[t], xs[t], weight, means[t], scales[t])
            else:
                saved = grad[t], xs[t], weight, None, None, means[t], scales[t]
                of_step, *of_parameters = torch.ops.aten.native_batch_norm_backward(*saved, True, ctx.eps, needs)
            if needs[0]:
                of_xs[t].copy_(of_step)
            others.append(of_parameters)
        summed = [
            torch.stack(of).sum(0) if needed else None
            for needed, of in zip(needs[1:], zip(*others, strict=True), strict=True)
        ]
        return None, of_xs if needs[0] else None, *summed


def _centered_pixels(x: Tensor, out: Tensor) -> tuple[Tensor, Tensor]:
    """Write one step, which has the channels last in memory, less the mean of each channel; return mean and variance.

    Torch's own sums of such images carry an error of up to 30 times that of images with the channels first, on which
    the loop over steps computes; sums over an axis, as here, do not.
    """
    count, channels = x.numel() // x.shape[1], x.shape[1]
    together = _pixels_in_a_row(count, channels)
    rows, centered = (t.movedim(1, -1).view(-1, together * channels) for t in (x, out))
    mean = rows.sum(0).view(together, channels).sum(0) / count
    torch.sub(rows, mean.repeat(together), out=centered)
    return mean, (centered * centered).sum(0).view(together, channels).sum(0) / count


def _scale_pixels(out: Tensor, factor: Tensor, bias: Tensor | None) -> None:
    """Multiply each channel of a step that has the channels last in memory by a factor, and add a bias, in place."""
    channels = out.shape[1]
    together = _pixels_in_a_row(out.numel() // channels, channels)
    rows = out.movedim(1, -1).view(-1, together * channels)
    if bias is None:
        rows.mul_(factor.repeat(together))
    else:
        torch.addcmul(bias.repeat(together), rows, factor.repeat(together), out=rows)


def _pixels_in_a_row(count: int, channels: int) -> int:
    """Return how many pixels are taken as one long row, which is faster than many short ones."""
    return next((n for n in (16, 8, 4, 2) if count % n == 0 and n * channels <= _LONG), 1)


_FEW = 16  # channels
_LONG = 256  # numbers in a row


def _gradients_of_pixels(
    grad: Tensor, x: Tensor, weight: Tensor | None, mean: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of input, weight and bias of one step that has the channels last in memory.

    Args:
        grad: The gradient of the output ``[batch, channels, ...]``.
        x: The input.
        weight: The weight ``[channels]``; None for ones.
        mean: The mean of each channel.
        scale: One over the standard deviation of each channel.
    """
    pixels = x.movedim(1, -1)
    count, channels = x.numel() // x.shape[1], x.shape[1]
    together = _pixels_in_a_row(count, channels)
    g = grad.movedim(1, -1).reshape(-1, together * channels)
    centered = pixels.reshape(-1, together * channels) - mean.repeat(together)
    of_bias = g.sum(0).view(together, channels).sum(0)
    of_weight = scale * (g * centered).sum(0).view(together, channels).sum(0)
    factor = scale if weight is None else weight * scale
    slope, shift = -factor * scale * of_weight / count, -factor * of_bias / count
    of_x = centered.mul_(slope.repeat(together)).add_(shift.repeat(together)).addcmul_(g, factor.repeat(together))
    return of_x.view(pixels.shape).movedim(-1, 1), of_weight, of_bias
