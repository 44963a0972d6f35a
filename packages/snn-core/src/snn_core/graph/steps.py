"""The steps of a plan: calls of functions, layers and neurons, each of which runs over all time steps in its way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn_core.effects.attributes import HOOKS
from snn_core.engines.convolutions import ChannelsLast
from snn_core.engines.products import linear, max_pool2d, takes
from snn_core.neuron.temporal import WATCH


class NotSampleWise(Exception):
    """Error raised for a layer or function that may mix samples or time steps; its message is the reason."""


@dataclass(frozen=True)
class Place:
    """A value that a step of the plan computes, given by its number; 0 is the input."""

    number: int


ROWS = Place(-1)
"""The number of samples in a step, as an argument."""


@dataclass(frozen=True)
class Ones:
    """A tensor of ones in the form of a value of one step, as an argument of a function that draws random numbers.

    Args:
        shape: The shape of the value; the first number is None if it is that of the samples in the step.
        order: The axes, from the one with the largest stride to the one with the smallest.
        dtype: The dtype.
        device: The device.
        is_sure: False if the first number may be that of the samples all the same.
    """

    shape: tuple[int | None, ...]
    order: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device
    is_sure: bool = True

    @classmethod
    def like(cls, value: Tensor, by_sample: bool, of_step: bool = True) -> Ones:
        """Return the form of a value; ``by_sample`` says if it is known to have one row per sample."""
        shape = (None, *value.shape[1:]) if by_sample else tuple(value.shape)
        return cls(shape, order_of(value), value.dtype, value.device, by_sample or not of_step)

    def tensor(self, samples: int) -> Tensor:
        """Return the tensor for a number of samples."""
        shape = [samples if size is None else size for size in self.shape]
        inner = torch.ones([shape[axis] for axis in self.order], dtype=self.dtype, device=self.device)
        return inner.permute([self.order.index(axis) for axis in range(len(shape))])


def order_of(tensor: Tensor) -> tuple[int, ...]:
    """Return the axes of a tensor, from the one with the largest stride to the one with the smallest."""
    strides = tensor.stride()
    return tuple(sorted(range(tensor.dim()), key=lambda axis: -strides[axis]))


@dataclass(frozen=True)
class Named:
    """A parameter or buffer of the net, given by its path."""

    path: str


class Held:
    """A tensor that is neither computed nor owned by the net."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held) and other.tensor is self.tensor

    def __hash__(self) -> int:
        return id(self.tensor)


Value = Any
"""An argument: one of the classes above, a constant, or a container of them."""

Way = Literal["rows", "sequence", "each", "ahead"]
"""How a call runs: on the rows of all steps at once, on the whole sequence, step by step, or ahead of the run."""


@dataclass(frozen=True)
class Step:
    """One call.

    Args:
        compute: The object that is called.
        path: The path of its module in the net; for a function, the path of the module that called it.
        kind: The name of the module's class, or of the function.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        places: The numbers of the values that it returns.
        several: True if it returns a tuple.
        of_step: True if it is computed again in every step; if not, it is called once.
        way: How it runs over all steps.
        why: The reason why it does not run on the rows of all steps at once.
        changes: The paths of the buffers that it overwrites.
        unsure: True if an argument is not known to have one row per sample, so that rows may not be those of samples.
        grad: True or False where a ``forward`` switches the recording of gradients on or off; None to leave the mode
            as it is where the plan runs.
        uses: The numbers of the values that it computes with.
        drops: The numbers of values that are not needed after it.
        feeds_product: True for a neuron whose spikes nothing reads but one linear layer on the rows of all steps.
    """

    compute: Any
    path: str
    kind: str
    args: tuple[Value, ...]
    kwargs: Mapping[str, Value]
    places: tuple[int, ...]
    several: bool = False
    of_step: bool = True
    way: Way = "rows"
    why: str = ""
    changes: frozenset[str] = frozenset()
    unsure: bool = False
    grad: bool | None = None
    uses: frozenset[int] = frozenset()
    drops: tuple[int, ...] = ()
    feeds_product: bool = False

    @property
    def is_pure(self) -> bool:
        """True if equal arguments give equal results, and nothing else changes."""
        return self.way in ("rows", "each") and not self.changes


def value_of(values: Mapping[int, Any], net: nn.Module, value: Value) -> Any:
    """Return the value of an argument of a step, given the values so far by number."""
    if isinstance(value, Place):
        return values[value.number]
    if isinstance(value, Named):
        owner, _, name = value.path.rpartition(".")
        return getattr(net.get_submodule(owner), name)
    if isinstance(value, Held):
        return value.tensor
    if isinstance(value, Ones):
        return value.tensor(values[ROWS.number])
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        return type(value)(value_of(values, net, v) for v in value)
    return value


class Pass(NamedTuple):
    """A run of a plan over some steps.

    Args:
        net: The net.
        modules: Its modules, by path.
        layout: The layout of the input of convolutions; None to leave the input as it is.
        products: Descriptions of how linear layers and convolutions were computed, by path; filled during the run.
    """

    net: nn.Module
    modules: dict[str, nn.Module]
    layout: ChannelsLast | None
    products: dict[str, str]


def computed(step: Step, run: Pass, values: Mapping[int, Any]) -> tuple[list[Any], Any]:
    """Compute a step that calls a function or a layer, and return its arguments and result."""
    args = [value_of(values, run.net, value) for value in step.args]
    kwargs = {name: value_of(values, run.net, value) for name, value in step.kwargs.items()}
    if step.grad is None:
        return args, step.compute(run, step.path, *args, **kwargs)
    with torch.set_grad_enabled(step.grad and torch.is_grad_enabled()):
        return args, step.compute(run, step.path, *args, **kwargs)


@dataclass(frozen=True)
class Function:
    """A function that is called as it is in one step."""

    func: Callable[..., Any]

    def __call__(self, run: Pass, path: str, *args: Any, **kwargs: Any) -> Any:
        return self.func(*args, **kwargs)


class Product(Function):
    """The function ``linear``, computed by a registered implementation."""

    def __call__(self, run: Pass, path: str, *args: Any, **kwargs: Any) -> Any:
        out, run.products[path] = linear(*args, **kwargs)
        return out


@dataclass(frozen=True)
class Whole:
    """A module that is called as a whole."""


class TorchLayer(Whole):
    """A torch layer."""

    def __call__(self, run: Pass, path: str, x: Tensor) -> Any:
        module: Any = run.modules[path]
        if takes(module):
            out, run.products[path] = linear(x, module.weight, module.bias)
            return out
        if run.layout is not None and isinstance(module, CONVOLUTIONS):
            out, how = run.layout.called(module, x)
            run.products.update({path: how} if how else {})
            return out
        if run.layout is not None and type(module) is nn.MaxPool2d:
            windows = module.kernel_size, module.stride, module.padding, module.dilation, module.ceil_mode
            return max_pool2d(F.max_pool2d, x, *windows)
        return module(x)


CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


class Neuron(Whole):
    """A neuron, or another module with a state, over its whole sequence."""


@dataclass(frozen=True)
class Overwriting(Function):
    """A function that overwrites its first argument, applied to a copy of it."""

    def __call__(self, run: Pass, path: str, *args: Any, **kwargs: Any) -> Any:
        copy = args[0].clone()
        self.func(copy, *args[1:], **kwargs)
        return copy


class Normalization(Whole):
    """A batch norm layer that normalizes over the samples of each step, and updates its statistics in every step."""

    def __call__(self, run: Pass, path: str, x: Tensor) -> Tensor:
        return BATCH_NORM(run.modules[path], x)


class Mask(Whole):
    """A dropout layer, called for the numbers by which it multiplies its input."""

    def __call__(self, run: Pass, path: str, ones: Tensor) -> Any:
        return run.modules[path](ones)


DRAWS = "draws random numbers"
NORMALIZES = "normalizes over the samples of each step"
BATCH_NORM: Any = nn.BatchNorm1d.forward  # as it is at import, before anyone can replace it


def hooked(net: nn.Module) -> str | None:
    """Return the reason why a hook keeps the steps from running at once, with its module; None without a hook."""
    watch = None if torch.compiler.is_compiling() else WATCH.get()
    hooks = () if watch is None else watch.hooks
    for path, module in net.named_modules():
        kinds = [getattr(module, kind) for kind in HOOKS]
        if any(kinds) and any(hook not in hooks for kind in kinds for hook in kind.values()):
            where = repr(path) if path else "the net"
            return f"{where} ({type(module).__name__}) has a hook, which expects one step at a time"
    if any(getattr(nn.modules.module, f"_global{kind}") for kind in HOOKS):
        return "a hook on all modules expects one step at a time"
    return None


def modes(net: nn.Module) -> tuple[bool, ...]:
    """Return the training mode of each module of a net, in order."""
    return tuple(module.training for module in net.modules())
