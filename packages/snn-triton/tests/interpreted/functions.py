"""Functions of libdevice that kernels call, in NumPy: Triton's interpreter has none of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import triton.language as tl
from triton.runtime.interpreter import TensorHandle


def _by_numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of the interpreter's tensors that computes what one of arrays does, in their dtype."""

    def computed(*tensors: Any) -> Any:
        first, arrays = tensors[0], [tensor.handle.data for tensor in tensors]
        return tl.core.tensor(TensorHandle(function(*arrays).astype(arrays[0].dtype), first.handle.dtype), first.type)

    return computed


class Libdevice:
    """The functions of ``triton.language.extra.libdevice`` that instructions become."""

    exp, expm1, log, log1p = (staticmethod(_by_numpy(f)) for f in (np.exp, np.expm1, np.log, np.log1p))
    tanh, sin, cos = (staticmethod(_by_numpy(f)) for f in (np.tanh, np.sin, np.cos))
    floor, rint, pow = (staticmethod(_by_numpy(f)) for f in (np.floor, np.rint, np.power))
    rsqrt = staticmethod(_by_numpy(lambda array: 1 / np.sqrt(array)))


FUNCTIONS = {"libdevice": Libdevice}
"""For an ``Engine``, in place of Triton's own."""
