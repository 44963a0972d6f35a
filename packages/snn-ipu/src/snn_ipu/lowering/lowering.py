"""The lowering of a net to a program, and to a bundle: one step is recorded twice, and the common part is kept."""

from __future__ import annotations

import inspect
from collections import deque
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from snn_core import utils
from snn_core.backends import BackendError
from snn_core.effects import copied
from snn_ipu._version import __version__
from snn_ipu.issues import Found
from snn_ipu.lowering.description import merged, once_and_step, without_dead
from snn_ipu.lowering.recording import HAND_KEPT
from snn_ipu.lowering.samplewise import must_act_on_samples
from snn_ipu.lowering.step import Step, record_step
from snn_ipu.program.arrays import bytes_of
from snn_ipu.program.bundle import FORMAT, VERSION, write_bundle
from snn_ipu.program.graph import output_names
from snn_ipu.program.losses import chosen_loss
from snn_ipu.program.operations import DTYPES
from snn_ipu.program.program import Program

__all__ = ["described_net", "export", "lower"]


_DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def lower(
    net: nn.Module, example: Tensor, *, loss: Any = None, l1_rate: float = 0.0, encoding: str | None = None
) -> Program:
    """Lower a net to a program of primitives, for as many steps as the example has.

    Args:
        net: A net of neurons with ``init_hidden=True``, written for one step; it does not change.
        example: Its input, ``[T, batch, ...]``; only shapes and dtype matter.
        loss: ``"ce_rate"``, ``"ce_count"``, ``"ce_max_membrane"``, ``"mse_count"``, ``"mse_membrane"``, or an object of
            these losses from snn_functional; None for a program that only infers.
        l1_rate: Weight of the sum of the net's output spikes in the loss.
        encoding: ``"rate"`` for a program that takes ``[batch, ...]`` in [0, 1] and draws a spike of that probability
            in every step; None for input over time.

    Returns:
        The program, which takes ``[batch, T, ...]``.

    Raises:
        BackendError: If the net cannot be lowered; the message is the first issue's.
        TypeError: If ``net`` is not a module or ``example`` is not a tensor.
        ValueError: If ``loss``, ``l1_rate`` or ``encoding`` is unknown or out of range.

    Example:
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> xs = torch.rand(5, 4, 3)
        >>> lower(net, xs)(xs.transpose(0, 1)).transpose(0, 1).equal(snn.unroll(net, xs))
        True
    """
    try:
        description, tensors, sizes = described_net(net, example)
    except Found as problem:
        raise BackendError(f"the net cannot be lowered for an IPU: {problem.issue}") from problem
    if encoding not in (None, "rate"):
        raise ValueError(f"encoding is {encoding!r}; choose 'rate' or None")
    description["input"]["encoding"] = encoding
    description["loss"] = None if loss is None else chosen_loss(loss, len(sizes), l1_rate, sizes)
    return Program(description, tensors)


def described_net(net: nn.Module, example: Tensor) -> tuple[dict[str, Any], dict[str, Tensor], list[int | None]]:
    """Return the description of a net's program, without loss, its tensors, and the sizes of its outputs' last axes."""
    if not isinstance(net, nn.Module):
        raise TypeError(f"only a net (nn.Module) can be lowered, got {type(net).__name__}")
    if not isinstance(example, Tensor):
        raise TypeError(f"the example must be a tensor [T, batch, ...], got {type(example).__name__}")
    if example.dim() < 2 or 0 in example.shape:
        raise ValueError(f"the example has shape {tuple(example.shape)}; pass [T, batch, ...] with no axis of size 0")
    _check_dtype(net, example)
    first, batch = example.detach()[0], example.shape[1]
    # a second batch size and other values distinguish constants from computed values
    second = torch.cat([first, first[:1]]).flip(0) * 0.75
    with torch.random.fork_rng(devices=[]):
        single, other = _recorded(net, first), _recorded(net, second)
    return *_described(net, example, single, other, batch), single.sizes


def _recorded(net: nn.Module, x: Tensor) -> Step:
    try:
        own = copied(net)
    except ValueError as why:
        remedy = "pass a net that copy.deepcopy can copy, with everything that its forward calls"
        raise Found("IPU004", "", f"the net is recorded on a copy, but {why}", remedy) from why
    utils.reset(own)
    before = _kept(own)
    step = record_step(own, x)
    after = _kept(own)
    nothing: tuple[list[Any], list[Any]] = [], []
    for place in {**before, **after}:
        if before.get(place, nothing)[1] != after.get(place, nothing)[1]:
            raise Found("IPU005", place[0], *HAND_KEPT, _forward_line(own, place[0]))
    return step


def _kept(net: nn.Module) -> dict[tuple[str, str], tuple[list[Any], list[Any]]]:
    """Return what the attributes and buffers of a net's modules hold, and digests of it."""
    kept = {}
    for path, module in net.named_modules():
        for name, value in (*vars(module).items(), *module._buffers.items()):
            if isinstance(value, (Tensor, *_PLAIN, list, dict, deque)) and name not in _OF_EVERY_MODULE:
                parts, structure = tree_flatten(value)
                # the parts stay alive, so that no other object takes the identity of one
                kept[path, name] = parts, [structure, *map(_digest, parts)]
    return kept


def _digest(part: Any) -> Any:
    """Return what distinguishes a part from others, and from itself after a change."""
    if isinstance(part, Tensor):  # a write through ``.data`` does not change its version, which inference lacks
        return id(part), -1 if part.is_inference() else part._version, bytes_of(part)
    return (type(part), part) if isinstance(part, _PLAIN) and part == part else id(part)


_PLAIN = (bool, int, float, complex, str, tuple)
_OF_EVERY_MODULE = vars(nn.Module()).keys() - {"training"}


def _forward_line(net: nn.Module, path: str) -> str:
    try:
        kind = type(net.get_submodule(path))
        step = getattr(kind, "integrate", kind.forward)
        return f"{Path(inspect.getfile(step)).name}:{inspect.getsourcelines(step)[1]}"
    except (OSError, TypeError):
        return ""


def _check_dtype(net: nn.Module, example: Tensor) -> None:
    for name, value in (("the input", example), *net.named_parameters(), *net.named_buffers()):
        if value.dtype not in _DTYPE_NAMES or (value is example and not value.is_floating_point()):
            raise Found("IPU009", "", f"{name} is {value.dtype}, which PopTorch does not take", "pass it as float32")


def _described(
    net: nn.Module, example: Tensor, first: Step, second: Step, batch: int
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    constants = _equal_constants(first.constants, second.constants)
    nodes = [merged(a, b, batch) for a, b in zip(first.nodes, second.nodes)]
    if len(first.nodes) != len(second.nodes) or first.output != second.output:
        message = "the net computes something different for another input"
        raise Found("IPU001", "", message, "decide outside of forward")
    outputs = output_names(first.output)
    must_act_on_samples(nodes, first.shapes, outputs, batch)
    nodes = without_dead([once_and_step(node) for node in nodes], outputs)
    tensors, aliases, learned = _weights(net)
    saved = set(net.state_dict())
    details = {
        name: {
            "shape": list(value.shape),
            "dtype": _DTYPE_NAMES[value.dtype],
            "learned": name in learned,
            "constant": name not in saved,
        }
        for name, value in {**tensors, **constants}.items()
    }
    description = {
        "format": FORMAT,
        "version": VERSION,
        "written_by": {"snn-ipu": __version__, "torch": str(torch.__version__)},
        "input": {
            "num_steps": example.shape[0],
            "shape": list(example.shape[2:]),
            "dtype": _DTYPE_NAMES[example.dtype],
            "encoding": None,
        },
        "weights": details,
        "aliases": aliases,
        "nodes": nodes,
        "output": first.output,
        "loss": None,
    }
    return description, {**tensors, **constants}


def _weights(net: nn.Module) -> tuple[dict[str, Tensor], dict[str, str], set[str]]:
    """Return parameters and buffers by name, further names in the ``state_dict``, and the names that are learned."""
    tensors: dict[str, Tensor] = {}
    aliases: dict[str, str] = {}
    owners: dict[int, str] = {}
    learned = set()
    saved = net.state_dict().keys()
    for name, value in (*net.named_parameters(remove_duplicate=False), *net.named_buffers(remove_duplicate=False)):
        owner = owners.setdefault(id(value), name)
        if owner == name:
            tensors[name] = value.detach().clone()
            if isinstance(value, nn.Parameter) and value.requires_grad:
                learned.add(name)
        elif name in saved:
            aliases[name] = owner
    return tensors, aliases, learned


def _equal_constants(first: dict[str, Tensor], second: dict[str, Tensor]) -> dict[str, Tensor]:
    for name in {**first, **second}:
        a, b = first.get(name), second.get(name)
        if a is None or b is None or a.shape != b.shape:
            message = "forward makes a tensor for one batch size"
            raise Found("IPU002", "", message, "make it like the input: x.new_zeros")
        if a.dtype not in _DTYPE_NAMES:
            raise Found("IPU009", "", f"forward makes a tensor of {a.dtype}", "make it float32")
        if not torch.equal(a, b):
            message = "forward computes a tensor in a way that cannot be followed, or draws new numbers"
            remedy = "use torch's own functions on tensors; draw with torch.bernoulli or rand_like of the input"
            raise Found("IPU004", "", message, remedy)
    return first


def export(net: nn.Module, example: Tensor, path: str | Path, **options: Any) -> None:
    """Lower a net and write it to a bundle: a folder with ``program.json`` and ``weights.npz``.

    Args:
        net: A net of neurons with ``init_hidden=True``; it does not change.
        example: Its input, ``[T, batch, ...]``; only shapes and dtype matter.
        path: The folder, created if it is missing.
        **options: ``loss``, ``l1_rate`` and ``encoding`` of :func:`lower`.

    Raises:
        BackendError: If the net cannot be lowered.
        BundleError: If the result is not a valid program.
        ValueError: If an option is unknown or out of range.
        OSError: If the folder cannot be written.

    Example:
        >>> import os, tempfile
        >>> import torch
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> folder = tempfile.mkdtemp()
        >>> export(net, torch.rand(5, 4, 3), folder, loss="ce_rate")
        >>> sorted(os.listdir(folder))
        ['program.json', 'weights.npz']
    """
    program = lower(net, example, **options)
    write_bundle(path, program.description, program.tensors())
