"""One recorded step of a net: operations, and neurons with the operations of their step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

from snn_core import SpikingNeuron
from snn_core.neuron import Temporal, as_floating, complete
from snn_core.surrogate import Surrogate
from snn_ipu.issues import Found
from snn_ipu.lowering.recording import OperationRecorder
from snn_ipu.lowering.surrogates import Recorded, described

__all__ = ["Step", "record_step"]


@dataclass(frozen=True)
class Step:
    """The record of a net in one step.

    Args:
        nodes: Operations and neurons in order, each with the path of its module.
        output: Structure of the outputs.
        constants: Tensors that are neither input nor weights, by name.
        shapes: The shape of every tensor by name.
        sizes: Size of the last axis of each output, None if it has no axis but that of samples.
    """

    nodes: list[dict[str, Any]]
    output: dict[str, Any]
    constants: dict[str, Tensor]
    shapes: dict[str, tuple[int, ...]]
    sizes: list[int | None]


def record_step(net: nn.Module, x: Tensor) -> Step:
    """Record one step of a net, which may change the net."""
    weights = {id(t): f"w:{name}" for name, t in reversed([*net.named_parameters(), *net.named_buffers()])}
    learned = {f"w:{name}" for name, p in net.named_parameters() if p.requires_grad}
    recorder = _StepRecorder(net, weights, learned, x.dtype)
    for path, module in net.named_modules():
        _follow(module, path, recorder)
    fed = recorder.fresh(x, "x")
    with recorder.recording(), torch.enable_grad():
        out = _called(net, fed, recorder)
    output = _structure(out, recorder)
    sizes = [t.shape[-1] if t.dim() > 1 else None for t in tree_leaves(out)]
    return Step(recorder.ops, output, recorder.constants, recorder.shapes, sizes)


def _called(net: nn.Module, x: Tensor, recorder: OperationRecorder) -> Any:
    try:
        return net(x)
    except Found:
        raise
    except Exception as error:
        message = f"forward fails on the example ({error})"
        raise Found("IPU004", recorder.trail[-1], message, "pass an example that the net takes") from error


def _follow(module: nn.Module, path: str, recorder: OperationRecorder) -> None:
    """Tell the recorder which module runs, and refuse one that keeps a state and is not a plain neuron."""

    def enter(*_: Any) -> None:
        recorder.trail.append(path)
        if isinstance(module, SpikingNeuron) and type(module).forward is not SpikingNeuron.forward:
            message = f"{type(module).__name__} defines its own forward"
            recorder.refuse("IPU004", message, "override integrate instead of forward")
        if isinstance(module, Temporal) and not isinstance(module, SpikingNeuron):
            remedy = "use Leaky, Synaptic, Alpha or Lapicque, and GroupNorm or LayerNorm to normalize"
            recorder.refuse("IPU004", f"{type(module).__name__} is not lowered", remedy)

    def leave(_: nn.Module, __: Any, out: Any) -> None:
        recorder.must_be_followed(out)
        recorder.trail.pop()

    module.register_forward_pre_hook(enter)
    module.register_forward_hook(leave)
    if isinstance(module, SpikingNeuron) and isinstance(module.spike_grad, Surrogate):
        module.spike_grad = Recorded(recorder, described(module.spike_grad, recorder.floating, path))


class _StepRecorder(OperationRecorder):
    """A recorder of a net's step, in which each neuron records its step instead of its call."""

    def called(self, module: Any, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if self._times[module]:
            remedy = "call another neuron, which has its own state"
            self.refuse("IPU005", f"{self.name(module)} is called twice in one step", remedy)
        self._count_call(module, ())
        return _step_of(module, self, *args, **kwargs)

    def touched(self, module: Any, how: str) -> None:
        what = f"forward {how} the state that {self.name(module)} keeps"
        self.refuse("IPU005", what, "let the neuron return it: output=True")


def _step_of(neuron: SpikingNeuron, recorder: OperationRecorder, input_: Tensor, *states: Any, **named: Any) -> Any:
    kind = type(neuron).__name__
    if not neuron.init_hidden:
        recorder.refuse("IPU005", f"{kind} has init_hidden=False", "build it with init_hidden=True")
    x = as_floating(input_, kind)
    fed = recorder.name_of(x)
    with recorder.scope() as ops:
        inner, rest = _at_rest(neuron, x, recorder)
        spk, state = neuron.step(inner, rest)
        results, spec = tree_flatten(neuron.outputs(spk, state) if neuron.output else spk)
        names = [recorder.name_of(t) for t in results]
        states_after = [recorder.name_of(t) for t in state]
    with recorder.paused():
        fresh = [recorder.fresh(t) for t in results]
    node = {"kind": "neuron", "path": recorder.trail[-1], "input": fed, "states": states_after, "results": names}
    node["state_shape"] = list(rest[0].shape[1:])
    recorder.ops.append({**node, "step": ops, "outs": [recorder.name_of(t) for t in fresh]})
    return tree_unflatten(fresh, spec)


def _at_rest(neuron: SpikingNeuron, x: Tensor, recorder: OperationRecorder) -> tuple[Tensor, Any]:
    with recorder.paused():
        rest = complete(neuron, x.detach(), None)
        inner = recorder.fresh(x, "in")
        return inner, neuron.State._make(recorder.fresh(s, f"s{i}") for i, s in enumerate(rest))


def _structure(out: Any, recorder: OperationRecorder) -> dict[str, Any]:
    if isinstance(out, Tensor):
        return {"v": recorder.name_of(out)}
    if isinstance(out, dict) and all(isinstance(key, str) for key in out):
        return {"dict": {key: _structure(value, recorder) for key, value in out.items()}}
    if isinstance(out, (tuple, list)):
        kind = "list" if isinstance(out, list) else "tuple"
        return {kind: [_structure(value, recorder) for value in out]}
    remedy = "return tensors, or a tuple, list or dict of them"
    raise Found("IPU004", "", f"the net returns a {type(out).__name__}", remedy)
