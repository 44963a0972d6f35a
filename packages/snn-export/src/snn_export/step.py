"""One step of a net that keeps its state, as a pure function of input and states."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from snn_core import DelayedConv2d, DelayedLinear
from snn_core.graph import Watch
from snn_core.neuron import Holding, States, WholeSequence, as_tensors, other_dtype, temporal, temporal_by_path
from snn_core.sequence import changes_or_draws


class Step(nn.Module):
    """One step of a net as a function of tensors: ``(*inputs, *states)`` to ``(*outputs, *states)``."""

    def __init__(self, net: nn.Module, inputs: int, kept: dict[str, tuple[Tensor, ...]]) -> None:
        super().__init__()
        self.net = net
        self.inputs = inputs
        self._makes = {path: (len(value), getattr(value, "_make", tuple)) for path, value in kept.items()}

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Run the step."""
        states = iter(tensors[self.inputs :])
        modules = temporal_by_path(self.net)
        for path, (count, make) in self._makes.items():
            modules[path]._keep(make([next(states) for _ in range(count)]))
        outputs = named_tensors(self.net(*tensors[: self.inputs]))
        after = as_tensors({path: modules[path]._kept for path in self._makes})
        return apart([*outputs.values(), *after.values()], tensors)


def apart(tensors: Sequence[Tensor], others: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return tensors, each copied if it is among the others or appears twice."""
    taken, separate = {id(other) for other in others}, []
    for tensor in tensors:
        separate.append(tensor.clone() if id(tensor) in taken else tensor)
        taken.add(id(tensor))
    return tuple(separate)


def named_tensors(out: Any, name: str = "out") -> dict[str, Tensor]:
    """Return the tensors that a net returned, by names such as ``"out.1.mem"``."""
    if isinstance(out, Tensor):
        return {name: out}
    if isinstance(out, dict):
        parts = out
    elif isinstance(out, tuple | list):
        parts = dict(zip(getattr(out, "_fields", range(len(out))), out, strict=True))
    else:
        raise TypeError(f"export: the net returns {type(out).__name__} as {name!r}; it must return tensors")
    return {
        path: tensor for key, part in parts.items() for path, tensor in named_tensors(part, f"{name}.{key}").items()
    }


def at_rest(net: nn.Module) -> AbstractContextManager[States]:
    """Put a net at rest within a block, and restore its states afterwards."""
    return Holding(dict.fromkeys(temporal(net)))


def two_steps(
    net: nn.Module, inputs: Sequence[Tensor]
) -> tuple[list[dict[str, Tensor]], list[dict[str, Tensor]], dict[str, tuple[Tensor, ...]]]:
    """Return the outputs and the states of two steps from rest, by name, and the states as modules keep them, by path.

    Raises:
        ValueError: If the net is in training mode where that matters, takes whole sequences, does not take the inputs,
            or keeps anything but tensors with one entry per sample.
        TypeError: If it does not return tensors.
    """
    must_be_evaluating(net)
    for path, module in net.named_modules():
        if isinstance(module, WholeSequence) and not module.may_be_cut:
            raise ValueError(
                f"export: {path!r} ({type(module).__name__}) takes the whole sequence at once and has no step; pass "
                "over='sequence' and the whole sequence"
            )
    outputs, states, kept = [], [], {}
    before = _versions(net)
    with torch.no_grad(), at_rest(net):
        for _ in range(2):
            outputs.append(called_for_a_step(net, inputs))
            kept = {path: m._kept for path, m in temporal_by_path(net).items() if m._kept is not None}
            _must_be_of_samples(net, kept, inputs[0].shape)
            states.append(as_tensors(kept))
    if changed := [name for name, version in _versions(net).items() if version != before.get(name)]:
        raise ValueError(
            f"export: a step of {type(net).__name__} changes {', '.join(map(repr, changed))}, which a program cannot "
            "do; make it an input and an output"
        )
    return outputs, states, kept


def _versions(net: nn.Module) -> dict[str, int]:
    """Return how often each buffer of a net was changed, without those made in inference mode, which do not count."""
    return {name: buffer._version for name, buffer in net.named_buffers() if not buffer.is_inference()}


def called(net: nn.Module, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
    """Call a net and return its outputs by name."""
    with Watch(net).watching():
        try:
            out = net(*inputs)
        except Exception as error:  # a net may raise anything
            shapes = ", ".join(f"{list(x.shape)} ({str(x.dtype).removeprefix('torch.')})" for x in inputs)
            message = str(error).removeprefix("unroll: ")
            raise ValueError(f"export: {type(net).__name__} does not take {shapes}: {message}") from error
    return named_tensors(out)


def called_for_a_step(net: nn.Module, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
    """Call a net with one step; an error because of the dtype, or of a whole sequence, has a note with the remedy."""
    try:
        return called(net, inputs)
    except ValueError as error:
        note = other_dtype(net, inputs[0]).replace("xs", "x") if "type" in str(error.__cause__) else ""
        if not note and _takes(net, [item[0] for item in inputs]):
            note = "the net takes x[0]; if x is a sequence [T, batch, ...], pass one step, x[0], or over='sequence'"
        if note:
            error.add_note(note)
        raise


def _takes(net: nn.Module, inputs: Sequence[Tensor]) -> bool:
    with torch.no_grad(), at_rest(net):
        try:
            called(net, inputs)
        except (ValueError, TypeError):
            return False
    return True


def must_be_evaluating(net: nn.Module) -> None:
    """Raise if a net would draw random numbers, change its statistics or spread its delays."""
    for path, module in net.named_modules():
        if module.training and (changes_or_draws(module) or isinstance(module, DelayedLinear | DelayedConv2d)):
            raise ValueError(
                f"export: {path!r} ({type(module).__name__}) is in training mode, where it changes the net, draws "
                "random numbers or spreads delays; call net.eval()"
            )


def _must_be_of_samples(net: nn.Module, kept: dict[str, Any], shape: torch.Size) -> None:
    for path, value in kept.items():
        module = net.get_submodule(path)
        where = f"export: {path or 'the net'!r} ({type(module).__name__})"
        if not isinstance(value, tuple):
            raise ValueError(
                f"{where} counts its steps outside of any tensor, so its steps differ; pass "
                "over='sequence' and dynamic=('batch',)"
            )
        wrong = [name for name, tensor in as_tensors({path: value}).items() if tensor.shape[:1] != shape[:1]]
        if wrong:
            step = (
                "" if len(shape) > 1 else f"; a step has shape {list(shape)}, and over='sequence' takes [T, batch, ...]"
            )
            raise ValueError(
                f"{where} keeps {', '.join(wrong)}, whose axis 0 is not the batch; it cannot be a state{step}"
            )
