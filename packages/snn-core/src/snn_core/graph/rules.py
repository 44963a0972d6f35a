"""Functions and layers of torch that act on each sample alone, so that all steps may run at once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn_core.effects.reads import name_of
from snn_core.engines.products import max_pool2d
from snn_core.graph import calls
from snn_core.graph import steps as plans
from snn_core.graph.calls import must_be_within, tells_rows
from snn_core.graph.node import Node
from snn_core.graph.steps import NotSampleWise, Way
from snn_core.neurons.gradedspikes import GradedSpikes


def computed_by(call: Node) -> plans.Function:
    """Return the function that computes a call over the samples of many steps, or its replacement.

    Raises:
        NotSampleWise: If the function is not known to act on each sample alone.
    """
    if call.func not in _RULES:
        raise call.unknown()
    check, compute = _RULES[call.func]
    told_rows = issubclass(compute, Reshape | New)
    if not told_rows and tells_rows((call.args, call.kwargs)):
        raise NotSampleWise(f"{call.name} computes with the batch size")
    check(call)
    sizes = (tuple(call.out.shape[1:]),) if told_rows else ()
    return compute(call.func, *sizes)


def is_known(func: Any) -> bool:
    """Return True for a function that has a rule."""
    return func in _RULES


@dataclass(frozen=True)
class LayerCall:
    """A call of a torch layer in one step, with the arguments of the function that it calls."""

    path: str
    module: Any  # its attributes are the arguments of the function
    axes: int  # of its input, including the batch

    @property
    def name(self) -> str:
        return f"{self.path!r}: {type(self.module).__name__}"

    def argument(self, index: int, name: str, default: Any = None) -> Any:
        """Return an argument of the function by name."""
        return getattr(self.module, "padding" if name == "pad" else name, default)


def way_of(module: nn.Module) -> Way:
    """Return how a known torch layer runs over all steps."""
    kind: Any = module
    if type(module).forward is not _FORWARDS.get(type(module)):
        return "rows"
    if type(module) in NORMS and (module.training or kind.running_mean is None):
        return "sequence"
    return "ahead" if type(module) in DROPOUTS and module.training and kind.p else "rows"


NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
"""Layers that normalize the samples of each step while they train."""
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
"""Layers that multiply by numbers that depend on the form of their input alone."""


def axes_after(path: str, module: Any, axes: int) -> int:
    """Return the number of axes of a layer's output for one step's input with ``axes`` axes, including the batch.

    Raises:
        NotSampleWise: If the layer may mix samples, draws random numbers in another way, or keeps statistics.
    """
    call = LayerCall(path, module, axes)
    if way_of(module) != "rows":
        _axes(2 if type(module) in NORMS else 1)(call)
        return axes
    if type(module).forward is not _FORWARDS[type(module)]:
        raise NotSampleWise(f"{path!r}: the forward of {type(module).__name__} was replaced by another")
    for option, what in (("inplace", "overwrites its input"), ("return_indices", "returns more than one tensor")):
        if vars(module).get(option):
            raise NotSampleWise(f"{call.name}({option}=True) {what}")
    KNOWN[type(module)](call)
    if isinstance(module, nn.Flatten):
        return axes - max(module.end_dim % axes - module.start_dim % axes, 0)
    return axes + len(module.unflattened_size) - 1 if isinstance(module, nn.Unflatten) else axes


_Check = Callable[[Any], None]  # raises NotSampleWise for a call that may mix samples


def _axes(least: int, most: float = math.inf) -> _Check:
    """Return the rule for functions that take a number of axes, including the batch."""

    def check(call: Node | LayerCall) -> None:
        if not least <= call.axes <= most:
            expected = f"{least} or more" if most > least else str(least)
            raise NotSampleWise(f"{call.name} takes {expected} axes with a batch, and gets {call.axes} in a step")

    return check


def _batch_norm(call: Node | LayerCall) -> None:
    if call.argument(5, "training", False) or call.argument(1, "running_mean") is None:
        raise NotSampleWise(f"{call.name} normalizes over the batch in every step while training")
    _axes(2)(call)


def _instance_norm(call: Node | LayerCall) -> None:
    if call.argument(1, "running_mean") is not None:
        raise NotSampleWise(f"{call.name} keeps running statistics")
    # the layers also take one sample without a batch
    exactly = int(call.name[-2]) + 2 if isinstance(call, LayerCall) else 0
    _axes(exactly or 3, exactly or math.inf)(call)


def _dropout(call: Node | LayerCall) -> None:
    if call.argument(2, "training", True) and call.argument(1, "p", 0.5):
        raise NotSampleWise(f"{call.name} draws new numbers in every step while training")
    _axes(1)(call)


def _along(index: int, name: str = "dim", new_axes: int = 0, last: int = 0, default: Any = None) -> _Check:
    """Return the rule for functions along named axes or, with ``last``, along one last axis per ``last`` numbers."""

    def check(call: Node | LayerCall) -> None:
        value = call.argument(index, name, default)
        dims = range(-(len(value) // last), 0) if last else value
        must_be_within(call, name, value, dims, call.axes + new_axes)

    return check


class Convolution(plans.Function):
    """A convolution, in the faster layout."""

    def __call__(self, run: plans.Pass, path: str, *args: Any, **kwargs: Any) -> Any:
        if run.layout is None or not args:
            return self.func(*args, **kwargs)
        if self.func is torch.conv2d:
            out, run.products[path] = run.layout.conv2d(*args, **kwargs)
            return out
        return run.layout.convolved(lambda x: self.func(x, *args[1:], **kwargs), args[0])


class Pooling(plans.Function):
    """The maximum over windows, by a registered implementation."""

    def __call__(self, run: plans.Pass, path: str, *args: Any, **kwargs: Any) -> Any:
        if run.layout is None:
            return self.func(*args, **kwargs)
        return max_pool2d(self.func, *args, **kwargs)


@dataclass(frozen=True)
class Reshape(plans.Function):
    """A new shape for each sample."""

    sizes: tuple[int, ...]

    def __call__(self, run: plans.Pass, path: str, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return x.reshape(x.shape[0], *self.sizes)


@dataclass(frozen=True)
class New(plans.Function):
    """A new tensor with a given number of elements per sample."""

    sizes: tuple[int, ...]

    def __call__(self, run: plans.Pass, path: str, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return self.func(x, (x.shape[0], *self.sizes), **kwargs)


_ACTIVATIONS = "relu relu6 leaky_relu elu selu celu gelu silu mish softplus softsign logsigmoid hardtanh hardsigmoid"
_ACTIVATIONS += " hardswish hardshrink softshrink tanhshrink sigmoid tanh threshold"
_ELEMENTWISE = "relu sigmoid tanh abs neg exp square sqrt clamp clamp_min clamp_max sign log log1p expm1 sin cos"
_ELEMENTWISE += " reciprocal rsqrt floor ceil round logical_not zeros_like ones_like detach contiguous clone nan_to_num"
_ELEMENTWISE += " add sub mul div true_divide pow maximum minimum where lerp addcmul rsub subtract multiply masked_fill"
_ELEMENTWISE += " gt ge lt le eq ne logical_and logical_or logical_xor __abs__ __neg__ __invert__ empty_like full_like"
_ELEMENTWISE += " erf atan tan sinh cosh"
_ELEMENTWISE += " trunc frac fmod remainder heaviside isnan isfinite addcdiv float_power"
_OPERATORS = " ".join(f"__{r}{name}__" for name in "add sub mul div truediv pow and or".split() for r in ("", "r"))

_POOLS = "max_pool{n}d avg_pool{n}d adaptive_avg_pool{n}d adaptive_max_pool{n}d"
_TABLE: tuple[tuple[tuple[Any, ...], str, Any, type[plans.Function]], ...] = (
    ((F,), _ACTIVATIONS, _axes(1), plans.Function),
    ((F,), "prelu group_norm", _axes(2), plans.Function),
    ((F,), "local_response_norm interpolate upsample", _axes(3), plans.Function),
    ((F,), "pixel_shuffle pixel_unshuffle", _axes(4), plans.Function),
    ((F,), "linear", _axes(2), plans.Product),
    *(((torch,), f"conv{n}d conv_transpose{n}d", _axes(n + 2, n + 2), Convolution) for n in (1, 2, 3)),
    *(((F,), _POOLS.format(n=n), _axes(n + 2, n + 2), plans.Function) for n in (1, 2, 3)),
    ((torch,), "max_pool1d", _axes(3, 3), plans.Function),
    ((F, torch), "max_pool2d", _axes(4, 4), Pooling),
    ((F,), "batch_norm", _batch_norm, plans.Function),
    ((F,), "instance_norm", _instance_norm, plans.Function),
    ((F,), "dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout", _dropout, plans.Function),
    ((F,), "layer_norm rms_norm", _along(1, "normalized_shape", last=1), plans.Function),
    ((F,), "pad", _along(1, "pad", last=2), plans.Function),
    ((F,), "softmax log_softmax softmin", _along(1), plans.Function),
    ((F,), "glu", _along(1, default=-1), plans.Function),
    ((F,), "normalize", _along(2, default=1), plans.Function),
    ((F,), "embedding", calls.embedding, plans.Function),
    ((F,), "unfold", _axes(4, 4), plans.Function),
    ((F,), "scaled_dot_product_attention", calls.attention, plans.Function),
    ((torch, Tensor), "softmax mean sum amax amin squeeze unflatten std var prod logsumexp", _along(1), plans.Function),
    ((torch, Tensor), "cumsum cumprod flip argmax argmin", _along(1), plans.Function),
    ((torch, Tensor), "max min median", _along(1), plans.Function),
    ((torch, Tensor), "sort argsort", _along(1, default=-1), plans.Function),
    ((torch, Tensor), "topk", _along(2, default=-1), plans.Function),
    ((torch, Tensor), "roll", _along(2, "dims"), plans.Function),
    ((torch, Tensor), "norm", _along(2), plans.Function),
    ((torch, Tensor), "unsqueeze", _along(1, new_axes=1), plans.Function),
    ((torch, Tensor), "chunk split", _along(2), plans.Function),
    ((torch, Tensor), "permute transpose swapaxes swapdims movedim moveaxis", calls.moved_axes, plans.Function),
    ((torch, Tensor), "bmm baddbmm", calls.elementwise, plans.Function),
    ((torch,), "einsum", calls.einsum, plans.Function),
    ((torch,), "stack", calls.stack, plans.Function),
    ((torch, Tensor), "flatten", _along(1, "start_dim"), plans.Function),
    ((torch, Tensor), _ELEMENTWISE + " " + _OPERATORS, calls.elementwise, plans.Function),
    ((torch, Tensor), "matmul mm __matmul__", calls.product, plans.Function),
    ((torch,), "cat concat", calls.cat, plans.Function),
    ((Tensor,), "float double half bfloat16 to type", calls.cast, plans.Function),
    ((Tensor,), "__getitem__", calls.index, plans.Function),
    ((torch, Tensor), "view reshape", calls.reshape, Reshape),
    ((Tensor,), "view_as reshape_as", calls.view_as, Reshape),
    ((Tensor,), "new_zeros new_ones new_empty", calls.new, New),
)
_RULES: dict[Any, tuple[Any, type[plans.Function]]] = {
    getattr(owner, name): (check, compute)
    for owners, names, check, compute in _TABLE
    for owner in owners
    for name in names.split()
    if hasattr(owner, name)
}


def _function(layer: str) -> str:
    """Return the name of the function that a torch layer calls, without underscores, given the layer's name."""
    name = re.sub(r"(?<=norm)\dd$", "", layer.lower())  # one function serves all numbers of dimensions
    return re.sub(r".*pad\dd$", "pad", name)


_BY_NAME = {name_of(func).replace("_", ""): check for func, (check, _) in reversed(_RULES.items())}
KNOWN: dict[type[nn.Module], Any] = {
    kind: _BY_NAME[_function(name)]
    for name, kind in vars(nn).items()
    if isinstance(kind, type) and _function(name) in _BY_NAME and kind not in (nn.Embedding, nn.Unfold)  # other axes
}
KNOWN[nn.Identity] = _axes(1)
KNOWN[GradedSpikes] = _RULES[F.linear][0]
_FORWARDS = {kind: kind.forward for kind in KNOWN}  # as they are at import, before anyone can replace them
