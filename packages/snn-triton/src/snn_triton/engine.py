"""Whole sequences of any neuron that has a step program, on a GPU."""

from __future__ import annotations

import functools
import math
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from snn_core import kernels
from snn_core.engines import Arguments, Layout, Upstream
from snn_core.programs import Made, StepProgram
from snn_triton.kernels import kernel
from snn_triton.source import Backward, Forward, Source, Unknown, backward_source, forward_source

__all__ = ["REGISTERS", "Engine", "block_size", "warps"]

_DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
_LONGEST = 32  # the most steps that the backward pass computes again at a time
_MANY = 2**18  # columns above which a large GPU has more than it can run at a time
REGISTERS = 168
"""The registers of a thread for kernels in which NVIDIA's compiler would otherwise spill values to run more warps."""


class Engine(kernels.Engine):
    """An engine that runs step programs with Triton kernels, one generated for each program and use.

    It computes in float32, or in float64 if the input is;
    input, spikes and states in half precision are converted when they are read and written.

    Args:
        device: Type of the devices on which it runs. Anything but ``"cuda"`` is for Triton's own interpreter.
        block: Columns of one block of a kernel, a power of two; chosen by the size of a sequence if None.
        functions: The objects ``tl`` and ``libdevice`` in the kernels; Triton's own if None.
    """

    name = "snn-triton"
    widens = True  # tells snn-core that the engine itself reads half precision, with states in float32

    def __init__(
        self, device: str = "cuda", block: int | None = None, functions: Mapping[str, Any] | None = None
    ) -> None:
        self.device = device
        self._block = block
        self._functions = functions
        self._made = Made()
        self._crowded: weakref.WeakSet[Any] = weakref.WeakSet()  # kernels that spilled values to memory when they ran
        self._warned: set[str] = set()

    def refuses(self, program: StepProgram, dtype: torch.dtype) -> str | None:
        """Return the reason why a program cannot run here, or None; the first time, run two steps of a few columns.

        Args:
            program: A step program.
            dtype: Dtype of its input.

        Returns:
            A reason, such as "int32 input; the kernels take float32, float16, bfloat16 and float64".

        Warns:
            RuntimeWarning: If its kernels do not compile, once; the reference then runs instead.
        """
        return self._made.get(program, dtype, lambda: self._reason(program, dtype))

    def _reason(self, program: StepProgram, dtype: torch.dtype) -> str | None:
        if dtype not in _DTYPES:
            return f"{_short(dtype)} input; the kernels take {', '.join(map(_short, _DTYPES[:-1]))} and float64"
        x = torch.zeros(2, 1, dtype=dtype, device=self.device)
        states = [torch.zeros_like(x[0]) for _ in program.states]
        coefficients = [torch.ones((), dtype=dtype, device=self.device) for _ in program.coefficients]
        call = Arguments(x, states, coefficients, trace=False)
        try:
            out, saved = self.forward(program, call, save=True)
            self.backward(program, call, Upstream(out, saved, (True,)), torch.Size((1,)))
        except Unknown as reason:
            return str(reason)
        except Exception as error:  # Triton, its compiler or the driver may raise anything
            reason = f"its kernels do not compile: {type(error).__name__}: {error}"
            message = f"snn-triton: {program.neuron}: {reason}; the reference implementation runs instead"
            if message not in self._warned:  # a neuron may have several programs
                self._warned.add(message)
                warnings.warn(message, RuntimeWarning, stacklevel=2)
            return reason.partition("\n")[0]
        return None

    def forward(
        self, program: StepProgram, call: Arguments, save: bool
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        x, states, coefficients, trace = call
        layout, dtype = Layout.of(x), _computes_in(x)
        columns, (steps, count) = layout.sequence(x), (len(x), math.prod(layout.shape))
        first, read = [layout.step(s) for s in states], [_column(c, layout) for c in coefficients]
        spikes = x.new_empty(steps, count)
        out = [s.new_empty(steps, count) if trace else s.new_empty(count) for s in first]
        every = _segment(steps)
        kept = [x.new_empty(_segments(steps) + 1, len(states), count, dtype=dtype)] if save else []
        how = Forward(_short(dtype), tuple(c.dim() == 0 for c in read), trace, save)
        sizes = [every, len(states) * count] if save else []
        arguments = [columns, spikes, *first, *out, *read, *kept, steps, count, columns.stride(0), *sizes]
        self._run(program, how, forward_source, arguments, count)
        back = layout.sequence_back if trace else layout.step_back
        return (layout.sequence_back(spikes), *map(back, out)), tuple(kept)

    def backward(
        self, program: StepProgram, call: Arguments, upstream: Upstream, shape: torch.Size
    ) -> tuple[Tensor | None, ...]:
        x, states, coefficients, trace = call
        grads, (kept,), (need_x, *_), *_ = upstream
        layout, dtype = Layout.of(x), _computes_in(x)
        columns, (steps, count) = layout.sequence(x), (len(x), math.prod(layout.shape))
        read = [_column(c, layout) for c in coefficients]
        grad_spikes, *grad_states = grads
        of_states = [layout.sequence(g if trace else g.unsqueeze(0)) for g in (*grad_states,) if g is not None]
        of_spikes = [] if grad_spikes is None else [layout.sequence(grad_spikes)]
        every = _segment(steps)
        scratch = x.new_empty(min(every, steps), len(states), count, dtype=dtype)
        of_x = [x.new_empty(steps, count)] if need_x else []
        initial = [s.new_empty(count) for s in states]
        sums = [x.new_empty(count, dtype=torch.float64) for _ in program.sums]
        present = tuple(g is not None for g in grad_states)
        how = Backward(
            _short(dtype), tuple(c.dim() == 0 for c in read), trace, grad_spikes is not None, present, need_x
        )
        strides = [columns.stride(0), *(g.stride(0) for g in (*of_spikes, *(of_states if trace else ())))]
        tensors = [columns, *of_spikes, *of_states, *read, kept, scratch, *of_x, *initial, *sums]
        arguments = [*tensors, steps, count, *strides, every, len(states) * count]
        self._run(program, how, backward_source, arguments, count)
        return (
            layout.sequence_back(of_x[0]) if need_x else None,
            *map(layout.step_back, initial),
            *(layout.sum_to(total, shape) for total in sums),
        )

    def _run(
        self,
        program: StepProgram,
        how: Any,
        source: Callable[[StepProgram, Any], Source],
        arguments: Sequence[Any],
        columns: int,
    ) -> None:
        if columns:
            made = self._made.get(program, how, lambda: kernel(source(program, how), self._functions))
            dtype, back = _short(arguments[0].dtype), isinstance(how, Backward)
            block = self._block or block_size(columns, dtype, len(program.states), back)
            many = warps(block, _lanes(arguments[0].device))
            options = {"BLOCK": block, "num_warps": many, "enable_fp_fusion": False}
            if made in self._crowded:
                options["maxnreg"] = REGISTERS
            with torch.cuda.device_of(arguments[0]):  # Triton launches on the current device of the process
                launched = made[(-(-columns // block),)](*arguments, **options)
            if getattr(launched, "n_spills", None) and not torch.version.hip:  # HIP has no such option
                self._crowded.add(made)


def block_size(columns: int, dtype: str, states: int, backward: bool = False) -> int:
    """Return the number of columns of one block of a kernel.

    A small sequence is divided among as many blocks as possible, except in half precision, which is loaded ahead two
    columns at a time. In a large one, each thread takes several columns, whose loads are in flight together. It takes
    fewer if a column needs more registers and shared memory, and only one if rows begin at arbitrary places in memory.

    Args:
        columns: Columns of a sequence.
        dtype: Dtype of its input.
        states: Number of states of a column.
        backward: True for a kernel of the backward pass.

    Example:
        >>> block_size(100, "float32", 1), block_size(2**20, "float32", 1), block_size(2**20, "float64", 3)
        (128, 512, 128)
        >>> block_size(112, "float16", 1), block_size(2**20, "float32", 1, True), block_size(10**6 + 1, "float32", 1)
        (256, 256, 128)
    """
    aligned = columns % 16 == 0
    if columns < _MANY or not aligned or dtype == "float64":
        return 256 if aligned and dtype in ("float16", "bfloat16") else 128
    return 512 if states <= 2 and not backward else 256


def warps(block: int, lanes: int) -> int:
    """Return the number of warps, which AMD calls wavefronts, that run a block.

    Args:
        block: Columns of the block.
        lanes: Threads of a warp.

    Example:
        >>> warps(128, 32), warps(128, 64), warps(512, 32)
        (4, 2, 4)
    """
    return max(1, min(4, block // lanes))


@functools.cache
def _lanes(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).warp_size if device.type == "cuda" else 32


def _computes_in(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def _segment(steps: int) -> int:
    """Return the length of a segment between two steps whose states are kept: about the number of segments."""
    return min(_LONGEST, math.isqrt(steps - 1) + 1)


def _segments(steps: int) -> int:
    """Return the number of segments of the steps before the last one."""
    every = _segment(steps)
    return (steps - 2 + every) // every


def _column(coefficient: Tensor, layout: Layout) -> Tensor:
    """Return a coefficient as one value without axes, or one for each column."""
    if coefficient.numel() == 1:
        return coefficient.reshape(())
    return layout.step(coefficient)


@functools.cache
def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
