"""How many steps of a sequence run at a time, so that training fits into a given memory."""

from __future__ import annotations

import weakref
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from snn_core.kernels import registry
from snn_core.kernels.fused import fits
from snn_core.neuron.firing import Firing
from snn_core.neuron.temporal import temporal
from snn_core.sequence.loop import Run
from snn_core.sequence.memory_model import MemoryModel, chunk_sizes
from snn_core.sequence.plan import HOOKS
from snn_core.sequence.rehearsal import Rehearsal


@dataclass(frozen=True)
class MemoryPlan:
    """How a sequence is cut so that forward and backward pass fit into a budget.

    All bytes are of tensors, above what is there before the call; :func:`~snn_core.plan_memory` says what is counted.

    Args:
        chunk: Steps at a time, as ``unroll(chunk=...)`` takes them; None where all are run at once.
        predicted_bytes: The most that tensors take with it.
        whole_bytes: The most that they take where all steps are run at once.
        least_bytes: The least that any chunk takes; None where all steps fit, so that no chunk was looked at.
        steps: Number of steps of the sequence.

    Example:
        >>> print(MemoryPlan(chunk=25, predicted_bytes=3 * 2**19, whole_bytes=3 * 2**20, least_bytes=2**20, steps=100))
        chunks of 25 of 100 steps: 1.5 MiB of tensors (at once 3.0 MiB, at least 1.0 MiB); 75 % of the steps run twice
        >>> print(MemoryPlan(chunk=None, predicted_bytes=2**20, whole_bytes=2**20, least_bytes=None, steps=100))
        all 100 steps at once: 1.0 MiB of tensors
    """

    chunk: int | None
    predicted_bytes: int
    whole_bytes: int
    least_bytes: int | None
    steps: int

    def __str__(self) -> str:
        others = [] if self.least_bytes is None else [f"at least {_readable(self.least_bytes)}"]
        cut, twice = f"all {self.steps} steps at once", ""
        if self.chunk is not None:
            cut = f"chunks of {self.chunk} of {self.steps} steps"
            others.insert(0, f"at once {_readable(self.whole_bytes)}")
            twice = f"; {100 * ((self.steps - 1) // self.chunk * self.chunk) / self.steps:.0f} % of the steps run twice"
        beside = f" ({', '.join(others)})" if others else ""
        return f"{cut}: {_readable(self.predicted_bytes)} of tensors{beside}{twice}"


def planned(net: nn.Module, xs: Tensor, run: Run, memory: int | None, resume: bool, blocks: bool) -> MemoryPlan:
    """The plan for a net, an input and a budget; the one made before where nothing has changed that it depends on.

    Args:
        net: The net.
        xs: Its input ``[T, batch, ...]``.
        run: How it runs a stretch.
        memory: The budget in bytes; None for all steps at once.
        resume: Go on from the state that the net holds.
        blocks: Whether ``run`` takes a block of steps at a time.

    Returns:
        The plan: all steps at once where they fit, else the largest chunk that fits.

    Raises:
        ValueError: If the net cannot be planned for, or not even the best chunk fits.
        RuntimeError: If something follows what torch does, so that a few steps cannot be run ahead.

    Example:
        >>> import snn_core as snn
        >>> from snn_core.sequence.loop import steps
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> planned(net, torch.rand(60, 1, 3), steps, 2**20, resume=False, blocks=False).chunk is None
        True
    """
    _check(net, xs)
    key = (memory, run, resume, _input(xs), _settings(), *_structure(net), *(_kept(net) if resume else ()))
    plans = _PLANS.setdefault(net, {})
    if key not in plans:
        if len(plans) == _MOST:
            del plans[next(iter(plans))]
        plans[key] = _plan(net, xs, run, memory, resume, blocks)
    return plans[key]


_PLANS: weakref.WeakKeyDictionary[nn.Module, dict[Hashable, MemoryPlan]] = weakref.WeakKeyDictionary()
_MOST = 16  # plans of a net: its batches have a few shapes, and a net that changes at every call shall not fill memory

# long enough that what depends on a tensor's size, such as how a product is computed, is as for longer ones
_LONG, _LONG_IN_BLOCKS = 64 * 2**20, 256 * 2**20


def _plan(net: nn.Module, xs: Tensor, run: Run, memory: int | None, resume: bool, blocks: bool) -> MemoryPlan:
    rehearsal, steps = Rehearsal(net, xs, run, resume), len(xs)
    rehearsal(1)  # what is made once a process, such as a library's workspace, is there from now on
    long = _LONG_IN_BLOCKS if blocks else _LONG
    gradients = sum(p.nbytes for p in net.parameters() if p.requires_grad)
    model = MemoryModel(rehearsal, steps, long, gradients, blocks, memory)
    whole = model.predict(None)
    if memory is not None and whole <= memory:
        return MemoryPlan(None, whole, whole, None, steps)
    chunk, bytes_of = _search(model, steps, 0 if memory is None else memory)
    least = min([whole, *bytes_of.values()])
    if memory is None:
        return MemoryPlan(None, whole, whole, least, steps)
    if chunk is None or bytes_of[chunk] > memory:
        best = None if least == whole else chunk
        raise ValueError(
            f"unroll: memory={memory} bytes is too little for {steps} steps of xs of shape {tuple(xs.shape)}: tensors "
            f"take {least} bytes at least (chunk={best}); pass memory={least} or more, fewer samples or steps, or "
            "chunk= with truncate=True and a backward() a call, which cuts the gradient"
        )
    return MemoryPlan(chunk, bytes_of[chunk], whole, least, steps)


def _search(model: MemoryModel, steps: int, memory: int) -> tuple[int | None, dict[int, int]]:
    """The largest chunk that fits, or the one that takes the least if none does; and the bytes of each."""
    sizes = chunk_sizes(steps)
    while True:
        bytes_of = {chunk: model.predict(chunk) for chunk in sizes}
        fitting = (chunk for chunk in sizes if bytes_of[chunk] <= memory)
        chunk = next(fitting, min(sizes, key=bytes_of.__getitem__, default=None))
        if chunk is None or not model.refine(chunk):
            return chunk, bytes_of


def _check(net: nn.Module, xs: Tensor) -> None:
    if torch.compiler.is_compiling() or not fits(xs) or torch._C._len_torch_dispatch_stack():
        raise RuntimeError(
            "unroll: memory= is planned by running a few steps ahead, which is not possible while something else than "
            "autograd follows what torch does (a compiler, torch.func, a dispatch mode, a tensor of another class); "
            "plan before by plan_memory and pass chunk="
        )
    if xs.device.type != "cpu":
        raise ValueError(
            f"unroll: memory= is planned by what torch records of memory on the CPU, got xs on {xs.device}; pass chunk="
        )
    if any(getattr(nn.modules.module, f"_global{kind}") for kind in HOOKS):
        raise ValueError(
            "unroll: a hook on all modules would see the steps that are run ahead to plan for memory=; remove it or "
            "pass chunk="
        )
    for path, module in net.named_modules():
        if any(getattr(module, kind) for kind in HOOKS):
            raise ValueError(
                f"unroll: {path!r} ({type(module).__name__}) has a hook, which would see the steps that are run ahead "
                "to plan for memory=; remove it or pass chunk="
            )


def _input(xs: Tensor) -> tuple[Hashable, ...]:
    return xs.shape, xs.stride(), xs.dtype, xs.device, xs.requires_grad


def _settings() -> Hashable:
    """What decides, outside of the net, how it is computed."""
    registry.status()  # finds what is installed
    return (
        tuple(id(kernel) for offered in registry._OFFERED.values() for kernel in offered),
        torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu"),
        torch.get_default_dtype(),
        torch.backends.mkldnn.enabled,
        torch.get_num_threads(),
    )


def _structure(net: nn.Module) -> list[Hashable]:
    """What a net is made of: its modules, their tensors, and all of their options."""
    found: list[Hashable] = []
    for path, module in net.named_modules(remove_duplicate=False):
        found.append((path, id(module), type(module)))
        found += [(name, *_input(t)) for kind in (module._parameters, module._buffers) for name, t in _tensors(kind)]
        found += [(name, _option(value)) for name, value in vars(module).items() if name not in _NO_OPTIONS]
        found += [module._amplitude_is_one()] if isinstance(module, Firing) else []
    return found


# what every module has, of which tensors and submodules are looked at by themselves, and what neurons keep
_NO_OPTIONS = {*vars(nn.Module()), "_kept", "_kept_in"}
_NO_OPTIONS -= {"training"}


def _tensors(named: Mapping[str, Tensor | None]) -> list[tuple[str, Tensor]]:
    return [(name, tensor) for name, tensor in named.items() if tensor is not None]


def _option(value: Any) -> Hashable:
    if isinstance(value, bool | int | str | torch.dtype | torch.device | None):
        return value
    if isinstance(value, float):
        return value == 0  # other values compute the same in as much memory
    if isinstance(value, Tensor):
        return _input(value)
    if isinstance(value, tuple | list):
        return type(value), tuple(map(_option, value))
    return type(value), id(value)


def _kept(net: nn.Module) -> list[Hashable]:
    kept = [m._kept for m in temporal(net)]
    return [tuple(map(_option, value)) if isinstance(value, tuple) else None for value in kept]


def _readable(count: int) -> str:
    unit, size = next((u, s) for u, s in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("bytes", 1)) if count >= s)
    return f"{count / size:.1f} {unit}" if size > 1 else f"{count} {unit}"
