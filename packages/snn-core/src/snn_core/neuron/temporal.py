"""What a module keeps from one time step to the next, and how time can be folded into its batch axis."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.torch_version import TorchVersion

from snn_core.sequence.folding import Folding
from snn_core.sequence.watching import current

__all__ = ["Temporal", "as_floating"]

_CHANGES_EVERY_STEP = frozenset({"_kept", "_kept_in", "_stateless"})
_EXPORTED = -2  # in place of a backward pass: computed in a program that torch.export traces
_TELLS_EXPORTING = TorchVersion(torch.__version__) >= "2.13"  # before, all that torch.compile traces counts as exported


def as_floating(x: Tensor, owner: str) -> Tensor:
    """``x`` itself if it is floating, in the default dtype if it holds integers or booleans."""
    if not isinstance(x, Tensor):
        remedy = "wrap it: torch.as_tensor(x)"
        if isinstance(x, tuple):
            remedy = "pass the spikes alone, which a neuron before it returns with output=False"
        raise TypeError(f"{owner} takes a tensor, got {type(x).__name__}; {remedy}")
    if x.is_floating_point():
        return x
    if x.is_complex():
        raise TypeError(f"{owner} takes real input, got {x.dtype}; pass x.real, x.imag or x.abs()")
    return x.to(torch.get_default_dtype())


class Temporal(nn.Module):
    """A module whose output depends on earlier calls.

    What it keeps is an ordinary attribute and neither parameter nor buffer: it is in no ``state_dict``, is not
    broadcast between processes, moves with the module, and never stops a net from being copied or saved.
    """

    keeps_by_sample: ClassVar[bool] = False  # whether axis 0 of all that is kept is the batch, so that a sample may end

    _kept: Any = None  # a tuple of tensors, a count of steps, or None before the first step
    _kept_in: int = -1  # the backward pass in which it was computed, -1 outside of any, or _EXPORTED

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # torch.export puts back what an instance has, not what it gains
        self._kept, self._kept_in = None, -1

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _CHANGES_EVERY_STEP:
            object.__setattr__(self, name, value)  # a tenth of the time of nn.Module's, which looks for parameters
        else:
            super().__setattr__(name, value)

    def forget(self) -> None:
        """Go back to rest: the next step is the first one."""
        self._touch("resets")
        self._kept = None
        if not torch.compiler.is_compiling():
            self._kept_in = -1
        elif _is_exporting():
            self._kept_in = _EXPORTED

    def detach_kept(self) -> None:
        """Cut what is kept off the autograd graph; its values stay."""
        self._touch("detaches")
        self._kept = _map(self._kept, Tensor.detach)

    def lay_out_kept(self) -> None:
        """Put what is kept into the usual layout, which a convolution before the module may have changed."""
        self._kept = _map(self._kept, Tensor.contiguous)

    def _touch(self, how: str) -> None:
        """Say that a caller reads, writes, resets or detaches what is kept."""
        watch = current()
        if watch is not None:
            watch.touched(self, how)

    def _keep(self, kept: Any) -> None:
        object.__setattr__(self, "_kept", kept)  # without a second call of __setattr__
        if not torch.compiler.is_compiling():
            object.__setattr__(self, "_kept_in", torch._C._current_graph_task_id())
        elif _is_exporting():
            object.__setattr__(self, "_kept_in", _EXPORTED)

    def _recall(self) -> Any:
        """What is kept, unless a backward pass or an exported program asks for what was computed outside of it.

        Activation checkpointing runs ``forward`` a second time, inside the backward pass; by then what is kept has
        moved on, and the second run would silently differ from the first. An exported program holds as a constant what
        was kept before, and every run of it would start from that.
        """
        if torch.compiler.is_compiling():
            if _is_exporting() and self._kept_in != _EXPORTED:
                raise RuntimeError(
                    f"{type(self).__name__} keeps a state from call to call, which an exported program cannot: every "
                    "run would start from the same state; export a module whose forward returns snn.unroll(net, xs), "
                    "pass states in and out (init_hidden=False), or call snn.utils.reset(net) first in a forward with "
                    "a time loop of its own"
                )
        elif self._kept is not None:
            task = torch._C._current_graph_task_id()
            if task not in (-1, self._kept_in):
                raise RuntimeError(
                    f"{type(self).__name__} keeps a state and is being recomputed inside the backward pass, where that "
                    "state has moved on; under activation checkpointing pass states explicitly (init_hidden=False), "
                    "call snn.utils.reset(net) inside the checkpointed function, or use unroll(net, xs, chunk=...)"
                )
        return self._kept

    def run_rows(self, rows: Tensor, folding: Folding) -> Any:
        """Run some steps, from what is kept, and keep what is left after them.

        Args:
            rows: The input, ``[rows, ...]``, of steps and samples in one.
            folding: How the rows are made of steps.

        Returns:
            What a call returns, as rows.
        """
        raise NotImplementedError(f"{type(self).__name__} must define run_rows(self, rows, folding)")

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        super()._apply(fn, recurse)
        self._kept = _map(self._kept, fn)
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        # spelled out for parametrised modules, which torch copies without asking __getstate__
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        twin.__setstate__(copy.deepcopy(Temporal.__getstate__(self), memo))
        return twin

    def __getstate__(self) -> dict[str, Any]:
        # tensors inside an autograd graph can be neither copied nor pickled; a named tuple of a local class cannot be
        # pickled either
        kept = _map(self._kept, Tensor.detach)
        return {
            **self.__dict__,
            "_kept": tuple(kept) if isinstance(kept, tuple) else kept,
            "_kept_in": -1,
        }


def _is_exporting() -> bool:
    """Whether ``torch.export`` traces."""
    return torch.compiler.is_exporting() and (_TELLS_EXPORTING or not torch.compiler.is_dynamo_compiling())


def _map(kept: Any, fn: Any) -> Any:
    if not isinstance(kept, tuple):
        return kept
    mapped = (fn(v) if isinstance(v, Tensor) else v for v in kept)
    make = getattr(kept, "_make", tuple)  # a named tuple stays one
    return make(mapped)
