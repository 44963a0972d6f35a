"""Whole sequences inside compiled code: one node, the operator of the neuron's step program.

While a compiler traces, the program is made by code that it does not see. So that it compiles again if an option of the
neuron has changed, the options are read one by one in code that it does see.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from snn_core.effects.attributes import NO_OPTIONS
from snn_core.engines import operator
from snn_core.engines.registry import loop
from snn_core.neuron.choice import sample_of, unfit
from snn_core.neuron.makeup import Makeup, constants_of
from snn_core.neuron.repertoire import known_apart

WRITES_OUT: ContextVar[bool] = ContextVar("writes_out", default=False)
"""True while torch.export traces, in this thread, a program that must contain every step and no operator of ours."""


def _constant(function: Any) -> Any:
    """Mark a function whose result is a constant to a compiler; ``torch.compiler`` would import the compiler for it."""
    function._dynamo_marked_constant = True
    return function


def run(neuron: Any, xs: Tensor, state: Any, trace: bool) -> tuple[Tensor, Any]:
    """Run a neuron's whole sequence by the operator or, without it, by the loop, which is traced step by step."""
    return sequence(neuron, xs, state, trace) or loop(neuron.advance, xs, state, trace)


def sequence(neuron: Any, xs: Tensor, state: Any, trace: bool) -> tuple[Tensor, Any] | None:
    """Run a neuron's whole sequence by the operator; None if it has no step program, or a file is written.

    The arguments and the result are those of :func:`snn_core.neuron.choice.run`.
    """
    if _writes_out():
        return None
    constants = {path: _at(neuron, path) for path in _paths_of_constants(neuron)}
    dtype, sample = state[0].dtype, sample_of(neuron, xs, constants)
    if unfit(neuron, xs, constants, dtype) or not _has_options_as_traced(neuron):
        return None
    sizes = None if sample is None else tuple([int(size) for size in sample])
    text, paths = _text_and_paths(neuron, xs.dim() - 1, dtype, sizes, isinstance(state, neuron.State))
    if not text:
        return None
    tensors = [constants[path] for path in paths]
    spikes, *states = torch.ops.snn_core.sequence(text, xs, [*state], tensors, trace)
    return spikes, type(state)._make(states)


def _writes_out() -> bool:
    """Return True while a file is written, which must run where our operators do not exist."""
    onnx = sys.modules.get("torch.onnx")  # the first use of torch.onnx would import its exporter
    if onnx is not None and onnx.is_in_onnx_export():
        return True
    return not torch.compiler.is_dynamo_compiling() and WRITES_OUT.get()


def _at(module: Any, path: str) -> Any:
    for name in path.split("."):
        module = getattr(module, name)
    return module


@_constant
def _paths_of_constants(neuron: nn.Module) -> tuple[str, ...]:
    return tuple(constants_of(neuron))


@_constant
def _text_and_paths(
    neuron: Any, axes: int, dtype: torch.dtype, sample: tuple[int, ...] | None, plain: bool
) -> tuple[str, tuple[str, ...]]:
    """Return the text of a neuron's program and the paths of its constants; an empty text if it has none."""
    known = known_apart(neuron, Makeup.of(neuron), axes, dtype, sample, neuron.State if plain else neuron._Carried)
    return ("", ()) if isinstance(known, str) else (operator.text_of(known), known.constants)


def _has_options_as_traced(neuron: nn.Module) -> bool:
    """Return True, having read every option of a neuron in sight of the compiler, which watches what it has read."""
    as_traced = True
    for path, number in _paths_of_options(neuron):
        value = _at(neuron, path)
        # a compiler watches a value only if something depends on it, and takes a number for a variable until then
        as_traced = as_traced and (value is None or value is not None if number is None else value == number)
    return as_traced


@_constant
def _paths_of_options(neuron: nn.Module) -> tuple[tuple[str, float | None], ...]:
    """Return the path of each option, with its value if it is a number."""
    return tuple((path, value if type(value) in (int, float) else None) for path, value in _options(neuron))


def _options(value: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of a neuron and its parts that are not tensors, and those of objects in them, by path."""
    parts = value._modules if isinstance(value, nn.Module) else {}
    for name, attribute in (vars(value) | parts).items():
        if isinstance(value, nn.Module) and name in NO_OPTIONS:
            continue
        if not isinstance(attribute, Tensor | nn.Module):
            yield prefix + name, attribute
        if hasattr(attribute, "__dict__") and depth < 3 and not isinstance(attribute, type | types.FunctionType):
            yield from _options(attribute, f"{prefix}{name}.", depth + (name not in parts))
