"""A whole sequence of a net as a program."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from operator import attrgetter

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind

from snn_core.neuron import WholeSequence, as_tensors, temporal_by_path
from snn_core.utils import reset
from snn_export.program import Program, axes_of, entries, must_be_same, traced
from snn_export.step import apart, at_rest, called, must_be_evaluating, named_tensors
from snn_export.stepping import after_step, named_inputs, step_program

_AXES = ("time", "batch")
_Call = Callable[[nn.Module, Sequence[Tensor]], dict[str, Tensor]]
_Result = tuple[dict[str, Tensor], dict[str, Tensor]]


class _FromRest(nn.Module):
    """A net that runs over sequences from rest: with each step written out, or in one call."""

    def __init__(self, net: nn.Module, run: Callable[[nn.Module, Sequence[Tensor], _Call], _Result]) -> None:
        super().__init__()
        self.net = net
        self._run = run

    def forward(self, *sequences: Tensor) -> tuple[Tensor, ...]:
        reset(self.net)
        outputs, states = self._run(self.net, sequences, lambda net, inputs: named_tensors(net(*inputs)))
        return apart([*outputs.values(), *states.values()], sequences)


class _Scan(nn.Module):
    """A step that a loop in the program runs over a sequence."""

    def __init__(self, net: nn.Module, step: ExportedProgram, rest: Sequence[Tensor], batch_is_free: bool) -> None:
        super().__init__()
        self.net = net
        self._graph = [step.graph_module]  # in a list, so that it does not become part of this module
        self._names: list[str] = []
        for spec in step.graph_signature.input_specs:
            if spec.kind is InputKind.USER_INPUT:
                continue
            name = str(spec.target)
            if spec.kind is InputKind.CONSTANT_TENSOR:
                self.register_buffer(f"constant_{len(self._names)}", step.constants[name])
                name = f"constant_{len(self._names)}"
            self._names.append(name)
        self._rest = [(tensor.shape, tensor.dtype) for tensor in rest]
        self._batch_is_free = batch_is_free

    def forward(self, *sequences: Tensor) -> tuple[Tensor, ...]:
        first, count, inputs = sequences[0], max(1, len(self._rest)), len(sequences)
        batch = [first.shape[1]] if self._batch_is_free else []
        rest = [first.new_zeros((*batch, *shape[len(batch) :]), dtype=dtype) for shape, dtype in self._rest]

        def body(*tensors: Tensor) -> list[Tensor]:
            states, step, weights = tensors[:count], tensors[count : count + inputs], tensors[count + inputs :]
            after = self._graph[0](*weights, *step, *(states if rest else ()))
            outputs, states = after[: len(after) - len(rest)], after[len(after) - len(rest) :] if rest else states
            return [tensor.clone(memory_format=torch.contiguous_format) for tensor in (*states, *outputs)]

        # a loop always carries something
        carried = rest or [first.new_zeros(())]
        weights = tuple(attrgetter(name)(self) for name in self._names)
        after = torch.ops.higher_order.scan(body, carried, [*sequences], weights)
        return (*after[count:], *(after[:count] if rest else ()))


def program_of(
    net: nn.Module, inputs: Sequence[Tensor], over: str, dynamic: frozenset[str], bounded: bool = False
) -> Program:
    """Trace a net over one step or a sequence."""
    return (step_program if over == "step" else sequence_program)(net, inputs, dynamic, bounded)


def sequence_program(
    net: nn.Module, inputs: Sequence[Tensor], dynamic: frozenset[str], bounded: bool = False
) -> Program:
    """Trace a net over a whole sequence from rest: inputs to outputs ``[T, batch, ...]`` and the states at the end.

    Args:
        net: The net.
        inputs: Its inputs in all steps, ``[T, batch, ...]``.
        dynamic: The axes among ``"batch"`` and ``"time"`` that must be free.
        bounded: True if a free axis is at most as long as the same axis of the inputs.
    """
    if any(item.dim() < 2 or item.shape[:2] != inputs[0].shape[:2] or not item.shape[0] for item in inputs):
        shapes = ", ".join(str(list(item.shape)) for item in inputs)
        raise ValueError(
            f"export: over='sequence' takes [T, batch, ...] with T >= 1 and the same T and batch; got {shapes}"
        )
    must_be_evaluating(net)
    whole = any(isinstance(module, WholeSequence) and not module.may_be_cut for module in net.modules())
    run = _in_one_call if whole else _step_by_step
    with torch.no_grad(), at_rest(net):
        outputs, states = run(net, inputs, called)
    module: nn.Module = _FromRest(net, run)
    if "time" in dynamic and not whole:
        step = step_program(net, [item[0] for item in inputs], dynamic, bounded)
        with warnings.catch_warnings(action="ignore"):
            pure = step.exported.run_decompositions({})
        module = _Scan(net, pure, [*states.values()], "batch" in dynamic)
    free, of_batch = axes_of(dynamic, _AXES), axes_of(dynamic, _AXES[1:])
    exported = traced(module, inputs, free, net, bounded)
    with torch.no_grad():
        must_be_same(outputs | after_step(states), exported.module()(*inputs), net)
    feed = entries(named_inputs(net, inputs), free)
    returned = entries(outputs, free) + entries(after_step(states), of_batch)
    return Program(exported, "sequence", feed, returned, entries(states, of_batch))


def _step_by_step(net: nn.Module, sequences: Sequence[Tensor], call: _Call) -> _Result:
    """Return the outputs of a net over a sequence, and its states at the end."""
    steps = [call(net, step) for step in zip(*sequences, strict=True)]
    kept = {path: module._kept for path, module in temporal_by_path(net).items()}
    states = as_tensors({path: value for path, value in kept.items() if isinstance(value, tuple)})
    return {name: torch.stack([step[name] for step in steps]) for name in steps[0]}, states


def _in_one_call(net: nn.Module, sequences: Sequence[Tensor], call: _Call) -> _Result:
    """Return the outputs of a net that takes the sequence in one call, and keeps nothing."""
    outputs = call(net, sequences)
    for path, module in temporal_by_path(net).items():
        if module._kept is not None:
            raise ValueError(
                f"export: {path!r} ({type(module).__name__}) takes one step after another, but other layers of "
                "the net take the whole sequence at once; export them one by one"
            )
    return outputs, {}
