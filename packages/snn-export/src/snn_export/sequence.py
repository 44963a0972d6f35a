"""A whole sequence of a net as a program."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind

from snn_core.neuron.kept import as_tensors, temporal_by_path
from snn_core.neuron.whole_sequence import WholeSequence
from snn_core.utils import reset
from snn_export.program import Program, axes_of, entries, must_be_same, traced
from snn_export.quiet import quiet
from snn_export.step import apart, at_rest, called, must_be_evaluating, named_tensors
from snn_export.stepping import input_names, step_program

_AXES = ("time", "batch")


class _Steps(nn.Module):
    """A net that runs step by step from rest, with each step written out."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, *sequences: Tensor) -> tuple[Tensor, ...]:
        reset(self.net)
        steps = [named_tensors(self.net(*inputs)) for inputs in zip(*sequences, strict=True)]
        outputs = [torch.stack(column) for column in zip(*(step.values() for step in steps), strict=True)]
        return apart([*outputs, *_states(self.net).values()], sequences)


class _Whole(nn.Module):
    """A net that takes the sequence in one call."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, *sequences: Tensor) -> tuple[Tensor, ...]:
        return apart([*named_tensors(self.net(*sequences)).values()], sequences)


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
        after = torch.ops.higher_order.scan(body, carried, [*sequences], tuple(map(self._tensor, self._names)))
        return (*after[count:], *(after[:count] if rest else ()))

    def _tensor(self, name: str) -> Tensor:
        module, _, last = name.rpartition(".")
        return getattr(self.get_submodule(module), last)


def _states(net: nn.Module) -> dict[str, Tensor]:
    """Return the kept states of a net's modules that are tensors."""
    kept = {path: module._kept for path, module in temporal_by_path(net).items()}
    return as_tensors({path: value for path, value in kept.items() if isinstance(value, tuple)})


def program_of(
    net: nn.Module, inputs: Sequence[Tensor], over: str, dynamic: frozenset[str], bounded: bool = False
) -> Program:
    """Trace a net over one step or a sequence."""
    return (step_program if over == "step" else sequence_program)(net, inputs, dynamic, bounded)


def sequence_program(
    net: nn.Module, inputs: Sequence[Tensor], dynamic: frozenset[str], bounded: bool = False
) -> Program:
    """Trace a net over a whole sequence from rest.

    Args:
        net: The net.
        inputs: Its inputs in all steps, ``[T, batch, ...]``.
        dynamic: The axes among ``"batch"`` and ``"time"`` that must be free.
        bounded: True if a free axis is at most as long as the same axis of the inputs.

    Returns:
        The program: inputs to outputs ``[T, batch, ...]`` and the states after the last step.

    Example:
        >>> import snn_core as snn
        >>> net, xs = snn.Leaky(beta=0.5, init_hidden=True), torch.ones(3, 1, 1)
        >>> program = sequence_program(net, [xs], frozenset(["time"]))
        >>> program.outputs[0].shape, program.outputs[1].name
        (('time', 1, 1), 'mem.next')
    """
    if any(item.dim() < 2 or item.shape[:2] != inputs[0].shape[:2] or not item.shape[0] for item in inputs):
        shapes = ", ".join(str(list(item.shape)) for item in inputs)
        raise ValueError(
            f"export: over='sequence' takes [T, batch, ...] with T >= 1 and the same T and batch; got {shapes}"
        )
    must_be_evaluating(net)
    whole = any(isinstance(module, WholeSequence) for module in net.modules())
    outputs, states = (_in_one_call if whole else _step_by_step)(net, inputs)
    if whole:
        module: nn.Module = _Whole(net)
    elif "time" in dynamic:
        step = step_program(net, [item[0] for item in inputs], dynamic, bounded)
        with quiet():
            pure = step.exported.run_decompositions({})
        module = _Scan(net, pure, [*states.values()], "batch" in dynamic)
    else:
        module = _Steps(net)
    free = axes_of(dynamic, _AXES)
    exported = traced(module, inputs, [free] * len(inputs), net, bounded)
    after = {f"{name}.next": state for name, state in states.items()}
    with torch.no_grad():
        must_be_same(outputs | after, exported.module()(*inputs), net)
    feed = dict(zip(input_names(net, len(inputs)), inputs, strict=True))
    of_batch = axes_of(dynamic, _AXES[1:])
    returned = entries(outputs, free) + entries(after, of_batch)
    return Program(exported, "sequence", entries(feed, free), returned, entries(states, of_batch))


def _step_by_step(net: nn.Module, inputs: Sequence[Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the outputs of a net over a sequence from rest, and its states at the end."""
    with torch.no_grad(), at_rest(net):
        steps = [called(net, step) for step in zip(*inputs, strict=True)]
        return {name: torch.stack([step[name] for step in steps]) for name in steps[0]}, _states(net)


def _in_one_call(net: nn.Module, inputs: Sequence[Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the outputs of a net that takes the sequence in one call."""
    with torch.no_grad(), at_rest(net):
        outputs = called(net, inputs)
        for path, module in temporal_by_path(net).items():
            if module._kept is not None:
                raise ValueError(
                    f"export: {path!r} ({type(module).__name__}) takes one step after another, but other layers of "
                    "the net take the whole sequence at once; export them one by one"
                )
    return outputs, {}
