"""What a plan is made of: calls of functions, layers and neurons over the samples of many steps at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from snn_core.kernels import pooling, products
from snn_core.sequence.folding import Folding
from snn_core.sequence.layout import Layout
from snn_core.sequence.observed import observed

__all__ = ["Convolution", "Function", "Layer", "New", "Pass", "Pooling", "Product", "Reshape", "Sequence", "Whole"]


@dataclass
class Pass:
    """A run of a plan over some steps.

    Args:
        modules: The modules of the net, by path.
        folding: How the rows that a layer sees are made of these steps.
        layout: What convolutions are given, where that is to be chosen.
        products: How linear layers were computed, by path; filled as they are.
    """

    modules: dict[str, nn.Module]
    folding: Folding
    layout: Layout | None
    products: dict[str, str]


@dataclass(frozen=True)
class Function:
    """A function called as in one step."""

    func: Callable[..., Any]

    def __call__(self, run: Pass, path: str, *args: Any, **kwargs: Any) -> Any:
        return self.func(*args, **kwargs)


class Convolution(Function):
    """A convolution, in the layout that gains."""

    def __call__(self, run: Pass, path: str, *args: Any, **kwargs: Any) -> Any:
        if run.layout is None or not args:
            return self.func(*args, **kwargs)
        return run.layout.convolved(lambda x: self.func(x, *args[1:], **kwargs), args[0])


class Pooling(Function):
    """The maximum over windows, by what is registered for it."""

    def __call__(self, run: Pass, path: str, *args: Any, **kwargs: Any) -> Any:
        if run.layout is None:
            return self.func(*args, **kwargs)
        return pooling.max_pool2d(self.func, *args, **kwargs)


class Product(Function):
    """``linear``, by what is registered for it."""

    def __call__(self, run: Pass, path: str, *args: Any, **kwargs: Any) -> Any:
        return _product(run, path, *args, **kwargs)


def _product(run: Pass, path: str, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    out, run.products[path] = products.linear(input, weight, bias)
    return out


@dataclass(frozen=True)
class Reshape(Function):
    """A new shape for each sample."""

    sizes: tuple[int, ...]

    def __call__(self, run: Pass, path: str, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return x.reshape(x.shape[0], *self.sizes)


@dataclass(frozen=True)
class New(Function):
    """A tensor of so many numbers for each sample."""

    sizes: tuple[int, ...]

    def __call__(self, run: Pass, path: str, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return self.func(x, (x.shape[0], *self.sizes), **kwargs)


@dataclass(frozen=True)
class Whole:
    """A module that is called as a whole."""


class Layer(Whole):
    """A layer of torch."""

    def __call__(self, run: Pass, path: str, x: Tensor) -> Any:
        module: Any = run.modules[path]
        if products.takes(module):
            return _product(run, path, x, module.weight, module.bias)
        if run.layout is None:
            return module(x)
        if isinstance(module, _CONVOLUTIONS):
            return run.layout.convolved(module, x)
        if type(module) is nn.MaxPool2d:
            windows = module.kernel_size, module.stride, module.padding, module.dilation, module.ceil_mode
            return pooling.max_pool2d(F.max_pool2d, x, *windows)
        return module(x)


_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


class Sequence(Whole):
    """A neuron, or another module that keeps something, over its whole sequence."""

    def __call__(self, run: Pass, path: str, x: Tensor) -> Any:
        return observed(run.modules[path], run.folding)(x)
