"""Batch normalization of many steps, each by its own statistics."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn_core.effects.attributes import HOOKS
from snn_core.engines.dtypes import NARROW
from snn_core.engines.fused import fits, is_plain_by_element, unviewed
from snn_core.engines.products import is_compiled
from snn_core.engines.registry import offered


class NormKernel(Protocol):
    """An implementation of batch normalization for many steps at once, on one type of device."""

    name: str
    device: str

    def batch_norm(self, rows: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> tuple[Tensor, ...]:
        """Normalize the rows of each step by themselves.

        Args:
            rows: Contiguous steps ``[T, rows, channels]`` in float32 or float64, each of more than one row.
            weight: The weight ``[channels]``; None for ones.
            bias: The bias ``[channels]``; None for zeros.
            eps: What is added to the variance.

        Returns:
            The normalized rows; and the mean, the biased variance and one over the standard deviation of each step,
            ``[T, channels]``.
        """

    def batch_norm_gradient(
        self, grad: Tensor, rows: Tensor, weight: Tensor | None, means: Tensor, scales: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradients of rows, weight and bias, given that of the normalized rows."""


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
    kernel = _kernel(xs, module)
    if kernel is None and not xs[0].is_contiguous() and _has_channels_last(xs):
        # torch sums such images with up to 30 times the error of others, on which the loop over steps computes
        return _with_channels_last(batch_norm_of_steps(xs.contiguous(), module))
    if kernel is not None or xs[0].numel() > _WORTH_A_COPY:
        if kernel is None and not (_is_native(xs, module) and xs[0].is_contiguous()):
            return _by_calls(xs, module)
        out: Tensor = _Steps.apply(module, kernel, xs, module.weight, module.bias)
        return out
    if module.running_mean is not None and module.running_mean.dtype in NARROW:  # they round what each step adds
        return _by_calls(xs, module)
    return _in_one_call(xs, module)


def _kernel(xs: Tensor, module: nn.Module) -> Any:
    """Return the registered implementation that takes the steps, which must have the channels last in memory."""
    kernels = offered("batch_norm", xs.device.type)
    return kernels[0] if kernels and _has_channels_last(xs) and _is_native(xs, module) else None


def _has_channels_last(xs: Tensor) -> bool:
    return xs[0].movedim(1, -1).is_contiguous()


def _with_channels_last(xs: Tensor) -> Tensor:
    return xs.movedim(2, -1).contiguous().movedim(-1, 2)


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
    """Return True if the layer would call torch's own code for a CPU, in one dtype."""
    tensors = xs, *_tensors(module)
    return (
        xs.device.type == "cpu"
        and xs.dtype in (torch.float32, torch.float64)
        and all(tensor.dtype == xs.dtype for tensor in tensors)
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
    """The batch normalization of one step after another, by a kernel, or by torch into the memory of all steps."""

    @staticmethod
    def forward(ctx: Any, module: Any, kernel: Any, xs: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
        if kernel is not None:
            out, means, variances, scales = kernel.batch_norm(_rows(xs), weight, bias, module.eps)
            out = _of_rows(out, xs)
            count = xs[0].numel() // xs.shape[2]
            _track(module, means, variances * (count / (count - 1)))
        else:
            out = torch.empty_like(xs)
            means, scales = xs.new_empty(2, len(xs), xs.shape[2])
            running = (module.running_mean, module.running_var) if _tracks(module) else (None, None)
            for t, factor in enumerate(_factors(module, len(xs))):
                results = {"out": out[t], "save_mean": means[t], "save_invstd": scales[t]}
                torch.ops.aten.native_batch_norm(xs[t], weight, bias, *running, True, factor, module.eps, **results)
        ctx.save_for_backward(xs, weight, means, scales)
        ctx.kernel, ctx.eps = kernel, module.eps
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:
        (grad,), (xs, weight, means, scales), (_, _, *needs) = grads, ctx.saved_tensors, ctx.needs_input_grad
        if ctx.kernel is not None and not torch.is_grad_enabled() and fits(grad):
            rows, *of_parameters = ctx.kernel.batch_norm_gradient(_rows(grad), _rows(xs), weight, means, scales)
            gradients = zip((_of_rows(rows, xs), *of_parameters), needs, strict=True)
            return None, None, *(gradient if needed else None for gradient, needed in gradients)
        of_xs, others = torch.empty_like(xs), []
        for t in range(len(xs)):
            saved = grad[t], xs[t], weight, None, None, means[t], scales[t]
            of_step, *of_parameters = torch.ops.aten.native_batch_norm_backward(*saved, True, ctx.eps, needs)
            if needs[0]:
                of_xs[t].copy_(of_step)
            others.append(of_parameters)
        summed = [
            torch.stack(of).sum(0) if needed else None
            for needed, of in zip(needs[1:], zip(*others, strict=True), strict=True)
        ]
        return None, None, of_xs if needs[0] else None, *summed


def _rows(xs: Tensor) -> Tensor:
    """Return steps ``[T, batch, channels, ...]`` as contiguous rows ``[T, rows, channels]``."""
    return xs.movedim(2, -1).flatten(1, -2).contiguous()


def _of_rows(rows: Tensor, like: Tensor) -> Tensor:
    """Return rows as steps of the shape of others."""
    return unviewed(rows.view(like.movedim(2, -1).shape).movedim(-1, 2))
