"""One step of a net, recorded: operations, and neurons with the operations of their step."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, Callable

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from snn_core import SpikingNeuron
from snn_core.neuron.stepping import complete
from snn_core.neuron.temporal import Temporal, as_floating
from snn_core.surrogate import Surrogate
from snn_ipu.issues import Found, IpuIssue
from snn_ipu.lowering.recording import Recorder
from snn_ipu.lowering.surrogates import Recorded, described

__all__ = ["Step", "record_step"]


@dataclass(frozen=True)
class Step:
    """What a net did in one step.

    Args:
        nodes: Operations and neurons in order, each with the path of its module.
        output: Structure of the outputs.
        constants: Tensors that are neither input nor weights, by name.
        axes: Number of axes of every tensor by name.
    """

    nodes: list[dict[str, Any]]
    output: dict[str, Any]
    constants: dict[str, Tensor]
    axes: dict[str, int]


def record_step(net: nn.Module, x: Tensor) -> Step:
    """Record one step of a net, which it may leave changed.

    Args:
        net: A net at rest.
        x: Input of one step, ``[batch, ...]``.

    Returns:
        What it computed.

    Raises:
        Found: If that cannot be written down.

    Example:
        >>> import snn_core as snn
        >>> step = record_step(nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True)), torch.rand(4, 3))
        >>> [(node["kind"], node["path"]) for node in step.nodes]
        [('call', '0'), ('neuron', '1')]
    """
    weights = {id(t): f"w:{name}" for name, t in reversed([*net.named_parameters(), *net.named_buffers()])}
    learned = {f"w:{name}" for name, p in net.named_parameters() if p.requires_grad}
    recorder = Recorder(weights, learned, x.dtype)
    with contextlib.ExitStack() as hooks:
        for path, module in net.named_modules():
            _follow(module, path, recorder, hooks)
        fed = recorder.enter(x, "x")
        with recorder, torch.enable_grad():
            out = _called(net, fed, recorder)
    return Step(recorder.ops, _structure(out, recorder), recorder.constants, recorder.axes)


def _called(net: nn.Module, x: Tensor, recorder: Recorder) -> Any:
    try:
        return net(x)
    except Found:
        raise
    except Exception as error:
        where = recorder.paths[-1]
        raise Found(
            IpuIssue("IPU004", where, f"forward fails on the example ({error})", "pass an example that the net takes")
        ) from error


def _follow(module: nn.Module, path: str, recorder: Recorder, hooks: contextlib.ExitStack) -> None:
    """Tell the recorder which module runs, and have a neuron write down its step."""

    def enter(*_: Any) -> None:
        recorder.paths.append(path)

    def leave(_: nn.Module, __: Any, out: Any) -> None:
        recorder.must_be_followed(out)
        recorder.paths.pop()

    hooks.callback(module.register_forward_pre_hook(enter).remove)
    hooks.callback(module.register_forward_hook(leave).remove)
    if isinstance(module, SpikingNeuron):
        if isinstance(module.spike_grad, Surrogate):
            try:
                told = described(module.spike_grad, recorder.floating)
            except Found as found:
                issue = found.issue
                raise Found(IpuIssue(issue.code, path, issue.message, issue.remedy, issue.line)) from found
            module.spike_grad = Recorded(recorder, told)
        vars(module)["forward"] = _neuron(module, recorder)
    elif isinstance(module, Temporal):
        vars(module)["forward"] = _refusal(module, recorder)


def _refusal(module: Temporal, recorder: Recorder) -> Callable[..., Any]:
    def forward(*args: Any, **kwargs: Any) -> Any:
        remedy = "use Leaky, Synaptic, Alpha or Lapicque, and GroupNorm or LayerNorm to normalise"
        recorder.refuse("IPU004", f"{type(module).__name__} is not lowered", remedy)

    return forward


def _neuron(neuron: SpikingNeuron, recorder: Recorder) -> Callable[..., Any]:
    def forward(x: Tensor, *states: Any, **named: Any) -> Any:
        kind = type(neuron).__name__
        if not neuron.init_hidden:
            recorder.refuse("IPU005", f"{kind} has init_hidden=False", "build it with init_hidden=True")
        if type(neuron).forward is not SpikingNeuron.forward:
            recorder.refuse("IPU004", f"{kind} has a forward of its own", "override integrate in place of forward")
        x = as_floating(x, kind)
        fed = recorder.name_of(x)
        with recorder.scope() as ops:
            inner, rest = _at_rest(neuron, x, recorder)
            spk, state = neuron.step(inner, rest)
            results, spec = tree_flatten(neuron.outputs(spk, state) if neuron.output else spk)
            names = [recorder.name_of(t) for t in results]
            states_after = [recorder.name_of(t) for t in state]
        with torch._C.DisableTorchFunction():
            fresh = [recorder.enter(t.detach()) for t in results]
        node = {"kind": "neuron", "path": recorder.paths[-1], "input": fed, "states": states_after, "results": names}
        node["state_shape"] = list(rest[0].shape[1:])
        recorder.ops.append({**node, "step": ops, "outs": [recorder.name_of(t) for t in fresh]})
        return tree_unflatten(fresh, spec)

    return forward


def _at_rest(neuron: SpikingNeuron, x: Tensor, recorder: Recorder) -> tuple[Tensor, Any]:
    with torch._C.DisableTorchFunction():
        rest = complete(neuron, x.detach(), None)
        inner = recorder.enter(x, "in")
        return inner, neuron.State._make(recorder.enter(s, f"s{i}") for i, s in enumerate(rest))


def _structure(out: Any, recorder: Recorder) -> dict[str, Any]:
    if isinstance(out, Tensor):
        return {"v": recorder.name_of(out)}
    if isinstance(out, dict) and all(isinstance(key, str) for key in out):
        return {"dict": {key: _structure(value, recorder) for key, value in out.items()}}
    if isinstance(out, (tuple, list)):
        kind = "list" if isinstance(out, list) else "tuple"
        return {kind: [_structure(value, recorder) for value in out]}
    remedy = "return tensors, or a tuple, list or dict of them"
    raise Found(IpuIssue("IPU004", "", f"the net returns a {type(out).__name__}", remedy))
