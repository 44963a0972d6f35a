"""The calls of a net in one time step, or the reason why they are not a graph."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from snn_core import SpikingNeuron
from snn_core.effects import Fingerprint
from snn_core.neuron import Temporal
from snn_core.sequence import DROPOUTS, Snapshot
from snn_nir.codes import refusal
from snn_nir.exporting.calls import Recording
from snn_nir.exporting.reading import CHANGED, Reader

_SILENT = 2  # calls without a state after which a neuron no longer warns


def record(net: nn.Module, samples: tuple[Tensor | None, ...], extra: tuple[Any, ...] = ()) -> Recording:
    """Run a net from rest on one step's inputs, and record its calls; the state of the net does not change.

    A state at rest is None among the inputs. ``extra`` are arguments after them, which are not tensors. A ``forward``
    without a fixed graph is refused.
    """
    recording = _recorded(net, samples, extra)
    generator = torch.Generator().manual_seed(0)
    other = _recorded(net, tuple(_like(x, generator) for x in samples), extra)
    fixed = _fixed(recording), _fixed(other)
    if len(fixed[0]) != len(fixed[1]) or not all(map(_same, *fixed)):
        raise refusal("NIR404", type(net).__name__, CHANGED, "do not compute outside of torch's functions")
    return recording


def _recorded(net: nn.Module, samples: tuple[Tensor | None, ...], extra: tuple[Any, ...]) -> Recording:
    step, error, owner = Reader(net), None, type(net).__name__
    # tensors made in inference mode do not count changes
    with torch.inference_mode(False), torch.no_grad(), Snapshot(net).as_it_was():
        for module in net.modules():
            if isinstance(module, Temporal):  # it is at rest, as a snapshot has no kept states
                vars(module)["_stateless"] = _SILENT
        before = Fingerprint(net)
        inputs = [None if x is None else step.add("getitem", x.clone()) for x in samples]
        try:
            with step.recording():
                out = net(*(x if x is None else x.value for x in inputs), *extra)
                step.add("output", None, step.encoded((tree_leaves(out),)))
                del out
        except Exception as raised:  # a user's code may raise anything on the sample
            error = raised
        step.check_states()
        change = before.change()
        del before
    reason = step.reason or ("" if _may_reset(net, step, error is not None) else step.resets)
    if reason:
        raise refusal("NIR404", owner, reason, "do not change values in place" if reason == CHANGED else None)
    for module in step.modules:
        _check_evaluating(module, step)
    if error is not None:
        first_line = str(error).strip().split("\n")[0]
        if not isinstance(error, RuntimeError | ValueError | TypeError | IndexError):
            raise refusal("NIR404", owner, f"forward raises {type(error).__name__}: {first_line}") from error
        shapes = ", ".join(str(tuple(x.shape)) for x in samples if x is not None)
        raise refusal("NIR405", owner, f"a sample of shape {shapes} gives: {first_line}") from error
    measured = any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    if step.leaks() and not measured:  # a hook may keep tensors
        raise refusal("NIR404", owner, "it leaves values in a container outside the call", "return them")
    if change:
        raise refusal("NIR404", owner, f"forward {change}")
    *calls, output = (call for call in step.calls if call not in inputs)
    return Recording(inputs, calls, output)


def _check_evaluating(module: nn.Module, step: Reader) -> None:
    draws = isinstance(module, DROPOUTS) and module.p > 0
    normalizes = isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d | nn.SyncBatchNorm)
    if module.training and (draws or normalizes):
        raise refusal("NIR410", step.name(module), "it is in training mode")


def _may_reset(net: nn.Module, step: Reader, failed: bool) -> bool:
    """Return True if a forward may reset neurons before it calls them, as a loop over time does."""
    if failed:
        return not step.resets_late
    loops = any(call.is_stack for call in step.calls)
    return loops or any(isinstance(m, SpikingNeuron) and not m.init_hidden for m in net.modules())


def _fixed(recording: Recording) -> list[Any]:
    """Return everything that does not depend on the sample: the names of all calls, and their constants."""
    leaves = (leaf for call in (*recording.calls, recording.output) for leaf in (call.name, *call.leaves()))
    return [leaf for leaf in leaves if isinstance(leaf, str | Tensor | int | float)]


def _same(a: Any, b: Any) -> bool:
    tensors = isinstance(a, Tensor) and isinstance(b, Tensor)
    return a is b or (torch.equal(a.nan_to_num(), b.nan_to_num()) if tensors else a == b)


def _like(x: Tensor | None, generator: torch.Generator) -> Tensor | None:
    """Return random values in the form of a sample, which may be zeros; a state at rest stays."""
    if x is None or x.dim() < 2 or not x.is_floating_point():
        return x
    return (2 * torch.rand(x.shape, generator=generator, device="cpu")).to(x)
