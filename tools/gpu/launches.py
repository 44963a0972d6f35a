"""Record the launches of a forward and a backward pass, as the engine makes them, with tensors without values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from unittest import mock

import torch

from snn_core.engines import Arguments, Upstream
from snn_core.programs.program import StepProgram
from snn_triton import engine
from snn_triton.source import Source


class Sizes(NamedTuple):
    """The sizes of a sequence."""

    steps: int  # T
    shape: tuple[int, ...]  # shape of one step
    # the dtype of input and spikes; states and coefficients are float64 if this is, and float32 otherwise
    dtype: torch.dtype = torch.float32
    scalar: bool = True  # true if each coefficient is one number, False if there is one for each index of the last axis
    contiguous: bool = True  # false if the input is all but the first column of a sequence


LARGE = Sizes(20, (512, 512))
"""A sequence with as many columns as a large GPU has threads."""


class Launch(NamedTuple):
    """One launch of a kernel."""

    source: Source  # the kernel
    grid: tuple[int, ...]  # how many blocks run
    arguments: tuple[Any, ...]  # its positional arguments
    options: dict[str, Any]  # its keyword arguments: the columns of a block, and options of the compiler


def forward(program: StepProgram, sizes: Sizes, *, trace: bool = False, save: bool = False) -> Launch:
    """Return the launch of a forward pass, with the states of all steps or what a backward pass needs if asked for.

    Example:
        >>> import snn_core as snn
        >>> launch = forward(snn.program(snn.Leaky(beta=0.9)), LARGE)
        >>> launch.source.name, launch.grid, launch.options
        ('leaky_forward', (512,), {'BLOCK': 512, 'num_warps': 4, 'enable_fp_fusion': False})
    """
    call = Arguments(*_inputs(program, sizes), trace)
    return _recorded(lambda runs: runs.forward(program, call, save))


def backward(
    program: StepProgram,
    sizes: Sizes,
    *,
    trace: bool = False,
    spikes: bool = True,
    states: bool = True,
    need_x: bool = True,
) -> Launch:
    """Return the launch of a backward pass from the gradients of the spikes and of a trace or the last states."""
    call = Arguments(*_inputs(program, sizes), trace)
    runs = engine.Engine("meta")
    with mock.patch.object(engine, "kernel", lambda source, functions: _Recorder(source, [])):
        (of_spikes, *of_states), saved = runs.forward(program, call, save=True)
    grads = [of_spikes if spikes else None, *(g if states else None for g in of_states)]
    shape = torch.Size() if sizes.scalar else torch.Size(sizes.shape[-1:])
    return _recorded(lambda runs: runs.backward(program, call, Upstream(grads, saved, (need_x,)), shape))


class _Recorder:
    """A stand-in for a Triton kernel, which records how it is launched."""

    def __init__(self, source: Source, launches: list[Launch]) -> None:
        self._source, self._launches = source, launches

    def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
        def launch(*arguments: Any, **options: Any) -> None:
            self._launches.append(Launch(self._source, grid, arguments, options))

        return launch


def _recorded(run: Callable[[engine.Engine], Any]) -> Launch:
    launches: list[Launch] = []
    with mock.patch.object(engine, "kernel", lambda source, functions: _Recorder(source, launches)):
        run(engine.Engine("meta"))
    (launch,) = launches
    return launch


def _inputs(program: StepProgram, sizes: Sizes) -> tuple[torch.Tensor, Sequence[torch.Tensor], Sequence[torch.Tensor]]:
    """Return the input, the states and the coefficients."""
    steps, shape, dtype, scalar, contiguous = sizes
    wide = torch.empty(steps, math.prod(shape) + (not contiguous), dtype=dtype, device="meta")
    x = (wide if contiguous else wide[:, 1:]).unflatten(1, shape)
    wider = torch.promote_types(dtype, torch.float32)
    states = [x.new_empty(shape, dtype=wider) for _ in program.states]
    return x, states, [x.new_empty(() if scalar else shape[-1:], dtype=wider) for _ in program.coefficients]
