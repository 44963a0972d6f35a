"""Which modules act on every sample of a batch alone, so that time may be folded into the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from snn_core.neurons.gradedspikes import GradedSpikes

__all__ = ["NotSampleWise", "axes_after", "is_known"]


class NotSampleWise(Exception):
    """Why a module or function may mix samples or time steps."""


def is_known(module: nn.Module) -> bool:
    """Return True for a layer of torch of which it is known what it does with samples."""
    return type(module) in _RULES


def axes_after(module: nn.Module, axes: int) -> int:
    """Number of axes of a module's output for one step's input with ``axes`` axes, the batch included.

    Raises:
        NotSampleWise: If the module may mix samples, draws random numbers, or keeps statistics.
    """
    rule = _RULES.get(type(module))
    if rule is None:
        raise NotSampleWise(f"{type(module).__name__} is not known to act on each sample alone")
    if type(module).forward is not _FORWARDS[type(module)]:
        raise NotSampleWise(f"the forward of {type(module).__name__} was replaced by another")
    if getattr(module, "inplace", False):
        raise NotSampleWise(f"{type(module).__name__}(inplace=True) overwrites its input")
    return rule(module, axes)


def _needs(*allowed: int) -> Callable[[Any, int], int]:
    """The same number of axes out, for a module that reads input of these as one with a batch."""

    def rule(module: Any, axes: int) -> int:
        if axes not in allowed:
            wanted = " or ".join(map(str, allowed))
            raise NotSampleWise(f"{type(module).__name__} takes {wanted} axes with a batch, and gets {axes} a step")
        return axes

    return rule


def _at_least(least: int) -> Callable[[Any, int], int]:
    def rule(module: Any, axes: int) -> int:
        if axes < least:
            raise NotSampleWise(f"{type(module).__name__} gets one step without a batch axis ({axes} axes)")
        return axes

    return rule


def _not_training(then: Callable[[Any, int], int]) -> Callable[[Any, int], int]:
    def rule(module: Any, axes: int) -> int:
        tracks = getattr(module, "running_mean", True) is not None
        if module.training or not tracks:
            what = "draws anew" if hasattr(module, "p") else "normalises over the batch"
            raise NotSampleWise(f"{type(module).__name__} {what} in every step while training")
        return then(module, axes)

    return rule


def _softmax(module: Any, axes: int) -> int:
    if module.dim is None or not module.dim % axes >= 1:
        raise NotSampleWise(f"{type(module).__name__}(dim={module.dim}) is not told to leave the batch axis alone")
    return axes


def _flatten(module: Any, axes: int) -> int:
    start, end = module.start_dim % axes, module.end_dim % axes
    if start < 1:
        raise NotSampleWise(f"Flatten(start_dim={module.start_dim}) flattens the batch axis too")
    return axes - max(end - start, 0)


def _unflatten(module: Any, axes: int) -> int:
    if not isinstance(module.dim, int) or not module.dim % axes >= 1:
        raise NotSampleWise(f"Unflatten(dim={module.dim}) splits the batch axis")
    return axes + len(module.unflattened_size) - 1


def _layer_norm(module: Any, axes: int) -> int:
    if len(module.normalized_shape) >= axes:
        raise NotSampleWise(f"{type(module).__name__} normalises over the batch axis")
    return axes


def _instance_norm(wanted: int) -> Callable[[Any, int], int]:
    def rule(module: Any, axes: int) -> int:
        if module.track_running_stats:
            raise NotSampleWise(f"{type(module).__name__} keeps running statistics")
        return _needs(wanted)(module, axes)

    return rule


def _max_pool(wanted: int) -> Callable[[Any, int], int]:
    def rule(module: Any, axes: int) -> int:
        if module.return_indices:
            raise NotSampleWise(f"{type(module).__name__}(return_indices=True) returns more than one tensor")
        return _needs(wanted)(module, axes)

    return rule


_RULES: dict[type[nn.Module], Callable[[Any, int], int]] = {
    nn.Linear: _at_least(2),
    GradedSpikes: _at_least(2),
    nn.Flatten: _flatten,
    nn.Unflatten: _unflatten,
    nn.LayerNorm: _layer_norm,
    nn.RMSNorm: _layer_norm,
    nn.GroupNorm: _at_least(2),
    nn.LocalResponseNorm: _at_least(3),
    nn.PReLU: _at_least(2),
    nn.PixelShuffle: _at_least(4),
    nn.PixelUnshuffle: _at_least(4),
    nn.Upsample: _at_least(3),
    nn.BatchNorm1d: _not_training(_needs(2, 3)),
    nn.BatchNorm2d: _not_training(_needs(4)),
    nn.BatchNorm3d: _not_training(_needs(5)),
    nn.InstanceNorm1d: _instance_norm(3),
    nn.InstanceNorm2d: _instance_norm(4),
    nn.InstanceNorm3d: _instance_norm(5),
    nn.Dropout: _not_training(_at_least(1)),
    nn.Dropout1d: _not_training(_at_least(3)),
    nn.Dropout2d: _not_training(_at_least(4)),
    nn.Dropout3d: _not_training(_at_least(5)),
    nn.AlphaDropout: _not_training(_at_least(1)),
    **dict.fromkeys((nn.Softmax, nn.LogSoftmax, nn.Softmin), _softmax),
    **dict.fromkeys((nn.Conv1d, nn.ConvTranspose1d, nn.AvgPool1d, nn.AdaptiveAvgPool1d), _needs(3)),
    **dict.fromkeys((nn.Conv2d, nn.ConvTranspose2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d), _needs(4)),
    **dict.fromkeys((nn.Conv3d, nn.ConvTranspose3d, nn.AvgPool3d, nn.AdaptiveAvgPool3d), _needs(5)),
    **dict.fromkeys((nn.MaxPool1d, nn.AdaptiveMaxPool1d), _max_pool(3)),
    **dict.fromkeys((nn.MaxPool2d, nn.AdaptiveMaxPool2d), _max_pool(4)),
    **dict.fromkeys((nn.MaxPool3d, nn.AdaptiveMaxPool3d), _max_pool(5)),
    **dict.fromkeys((nn.ConstantPad1d, nn.ZeroPad1d, nn.ReflectionPad1d, nn.ReplicationPad1d), _needs(3)),
    **dict.fromkeys((nn.ConstantPad2d, nn.ZeroPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d), _needs(4)),
    **dict.fromkeys(
        (
            nn.Identity,
            nn.ReLU,
            nn.ReLU6,
            nn.LeakyReLU,
            nn.ELU,
            nn.SELU,
            nn.CELU,
            nn.GELU,
            nn.SiLU,
            nn.Mish,
            nn.Sigmoid,
            nn.Tanh,
            nn.Softplus,
            nn.Softsign,
            nn.LogSigmoid,
            nn.Hardtanh,
            nn.Hardsigmoid,
            nn.Hardswish,
            nn.Hardshrink,
            nn.Softshrink,
            nn.Tanhshrink,
        ),
        _at_least(1),
    ),
}

_FORWARDS = {kind: kind.forward for kind in _RULES}  # as they are when this is imported, before anybody replaces one
