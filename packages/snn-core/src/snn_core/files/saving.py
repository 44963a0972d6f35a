"""Saving a trained net as one file, which contains its numbers and their description, but no code."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from snn_core.files.manifest import classes, device_of, missing, must_be_seeds, must_be_time, opened, sealed
from snn_core.files.tensor_file import as_bytes
from snn_core.neuron.bounds import bounded_otherwise
from snn_core.neuron.constant import HasConstants
from snn_core.neuron.firing import Firing
from snn_core.neuron.kept import as_kept, as_tensors, temporal_by_path
from snn_core.neuron.spiking import SpikingNeuron
from snn_core.results import Line, Result

# these are not in any state_dict, yet they change the output
_OPTIONS = ("reset_delay", "inhibition", "state_quant", "zero_drops_input")
# nor are these, which only some neurons and layers with delays have; files up to 0.5.1 do not contain them
_SETTINGS = frozenset(
    "avg_pool delta_threshold detach_reset dt full kernel kernel_truncation_steps max_delay max_pool method order "
    "sigma".split()
)
_TENSORS = "tensors", "states"
_STATE = "state/"  # the prefix of the names of states, which are stored beside parameters and buffers


@dataclass(frozen=True, repr=False)
class SavedNet(Result):
    """The content of a file written by :func:`save`.

    Args:
        tensors: Parameters and buffers, by the names of the ``state_dict``.
        states: Kept states by name, such as ``"1.mem"``; empty if none were saved.
        classes: Class of every module, by path.
        options: Options of every neuron and layer with delays, beyond those in its ``state_dict``, and its surrogate.
        versions: Versions of the packages that wrote the file.
        dt: Length of a time step in seconds, None if not given.
        seeds: Seeds passed to :func:`save`, by name.
        extra: Further content passed to :func:`save`.
    """

    tensors: dict[str, Tensor]
    states: dict[str, Tensor]
    classes: dict[str, str]
    options: dict[str, dict[str, Any]]
    versions: dict[str, str]
    dt: float | None
    seeds: dict[str, int]
    extra: Any

    def to_dict(self) -> dict[str, Any]:
        """Return the content as JSON data, with the form and dtype of each tensor in place of its numbers."""
        forms = {name: {key: _form(value) for key, value in getattr(self, name).items()} for name in _TENSORS}
        return {**{name: value for name, value in vars(self).items() if name not in _TENSORS}, **forms}

    def _lines(self) -> list[Line]:
        content = self.to_dict()
        tensors = {**content["tensors"], **{_STATE + name: form for name, form in content["states"].items()}}
        rows = [(name, str(form["shape"]), form["dtype"]) for name, form in tensors.items()]
        notes = {name: content[name] for name in ("versions", "dt", "seeds", "extra")}
        return [("tensor", "shape", "dtype"), *rows, *(f"{name}: {value}" for name, value in notes.items())]


def save(
    path: str | os.PathLike[str],
    net: nn.Module,
    *,
    state: bool = False,
    dt: float | None = None,
    seeds: Mapping[str, int] | None = None,
    extra: Any = None,
) -> None:
    """Write a net's parameters and buffers to one file in the format of safetensors, completely or not at all.

    The header contains a manifest in JSON: versions, the class of every module, the options of every neuron, and shape,
    dtype and checksum of every tensor. A parameter that several modules share is stored once.

    Args:
        path: The file; an existing file is replaced. If it is a symbolic link, the file that it points to is replaced.
        net: The net.
        state: Save the kept states of its neurons too.
        dt: Length of a time step in seconds, for readers of the file.
        seeds: Seeds that the net was trained with, by name.
        extra: Anything else that JSON can represent: strings, numbers, lists, dicts with strings as keys.

    Raises:
        TypeError: If ``net`` is not a module, its ``state_dict`` has anything but tensors that the format supports,
            ``state`` is not True or False, ``dt`` is not a number, ``seeds`` are not whole numbers by name, or JSON
            cannot represent ``extra``.
        ValueError: If ``dt`` is not positive and finite, a lazy module has no parameters yet, or a tensor has a name
            that a file cannot store.
        OSError: If the file cannot be written.

    Example:
        >>> import pathlib, tempfile
        >>> import snn_core as snn
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "net.safetensors"
        >>> save(path, snn.Leaky(beta=0.5), dt=1e-3, extra={"accuracy": 0.97})
        >>> other = snn.Leaky(beta=0.9)
        >>> load(path, other).extra, other.beta
        ({'accuracy': 0.97}, tensor(0.5000))
    """
    if not isinstance(net, nn.Module):
        raise TypeError(f"save: net must be a nn.Module, got {type(net).__name__}. Fix: save(path, net)")
    tensors_ = _tensors(net, "save")
    taken = [name for name in tensors_ if name.startswith(_STATE)]
    if taken:
        raise ValueError(
            f"save: {', '.join(map(repr, taken))} begins with {_STATE!r}, like the names of kept states in a file; "
            "give the module another name"
        )
    if not isinstance(state, bool):
        raise TypeError(f"save: state must be True or False, got {state!r:.100}")
    must_be_time(dt)
    must_be_seeds(seeds)
    shared = _shared(tensors_)
    tensors = {name: value for name, value in tensors_.items() if name not in shared}
    if state:
        kept = {at: module._kept for at, module in temporal_by_path(net).items()}
        tensors |= {_STATE + name: value for name, value in as_tensors(kept).items()}
    content = {
        "classes": classes(net),
        "options": _options(net),
        "shared": shared,
        "state": state,
        "dt": dt,
        "seeds": dict(seeds or {}),
        "extra": extra,
    }
    sealed(path, "net", tensors, content)


def load(path: str | os.PathLike[str], net: nn.Module | None = None, *, state: bool = False) -> SavedNet:
    """Read a file that :func:`save` wrote, and load it into a net if one is passed. Nothing in it is run or imported.

    Everything is checked before the net is changed. Checksums detect damage; they do not tell who wrote the file.

    Args:
        path: The file.
        net: A net of the same modules and shapes, on any device. Its kept states change only with ``state=True``.
        state: Let its neurons continue from the states in the file.

    Returns:
        The content of the file.

    Raises:
        ValueError: If the file is damaged or of a later format; if it belongs to another net, in which case the message
            names every module, name, shape, dtype and option that differs; if a module of the net refuses a number in
            it; if ``state`` is requested and the file has no states.
        TypeError: If ``net`` is not a module, or ``state`` is requested without one.
        OSError: If it cannot be read.

    Example:
        >>> import pathlib, tempfile
        >>> import snn_core as snn
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "net.safetensors"
        >>> save(path, nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9)))
        >>> load(path).tensors["0.weight"].shape
        torch.Size([2, 3])
        >>> load(path, nn.Sequential(nn.Linear(3, 5), snn.Leaky(beta=0.9)))
        Traceback (most recent call last):
        ValueError: ...'0.bias' is [2] in the file and [5] in the net; '0.weight' is [2, 3] in the file and [5, 3] in...
    """
    if not isinstance(net, nn.Module | None) or (state and net is None):
        expected = "with state=True" if net is None else "or None"
        raise TypeError(f"load: net must be a nn.Module {expected}, got {type(net).__name__}. Fix: load(path, net)")
    tensors_, manifest = opened(path, "net")
    states = {name.removeprefix(_STATE): tensors_.pop(name) for name in list(tensors_) if name.startswith(_STATE)}
    faults = missing(manifest, tensors_)
    if faults:
        raise ValueError(f"{path} is damaged: {'; '.join(faults)}")
    tensors = tensors_ | {name: tensors_[first] for name, first in manifest["shared"].items()}
    saved = SavedNet(
        tensors, states, *(manifest[key] for key in ("classes", "options", "versions", "dt", "seeds", "extra"))
    )
    if net is None:
        return saved
    faults = _differences(saved, net)
    if state and not manifest["state"]:
        faults.append("it contains no states; save the net with save(..., state=True)")
    if faults:
        raise ValueError(f"{path} does not fit this {type(net).__name__}: {'; '.join(faults)}")
    before = {name: value.detach().clone() for name, value in _tensors(net, "load").items()}
    try:
        kept = as_kept(net, {name: value.to(device_of(net)) for name, value in states.items()}) if state else {}
        net.load_state_dict(tensors)
    except Exception as error:  # a user's module may raise anything at numbers that it does not accept
        net.load_state_dict(before)
        raise ValueError(f"{path} does not fit this {type(net).__name__}: {error}") from error
    modules = temporal_by_path(net)
    for at, value in kept.items():
        module = modules[at]
        module._keep(value)
        if value is not None and isinstance(module, SpikingNeuron):
            module._goes_on = True
    return saved


def _tensors(net: nn.Module, caller: str) -> dict[str, Any]:
    """Return the ``state_dict`` of a net, which must hold tensors that have a shape."""
    tensors = net.state_dict(keep_vars=True)
    wrong = [name for name, value in tensors.items() if not isinstance(value, Tensor)]
    if wrong:
        raise TypeError(f"{caller}: {', '.join(map(repr, wrong))} of the state_dict is not a tensor; pass it as extra=")
    unmade = [name for name, value in tensors.items() if is_lazy(value)]
    if unmade:
        raise ValueError(f"{caller}: {', '.join(map(repr, unmade))} has no shape yet; call the net once")
    return tensors


def _differences(saved: SavedNet, net: nn.Module) -> list[str]:
    """List all differences between the net of a file and this net."""
    ours = _tensors(net, "load")
    faults = _unequal("is a", _own_names(saved.classes), _own_names(classes(net)))
    faults += _unequal("is", _shapes(saved.tensors), _shapes(ours))
    for path, module in net.named_modules():
        if isinstance(module, HasConstants):
            faults += bounded_otherwise(module, f"{path}." if path else "", saved.tensors)
    common = sorted(saved.tensors.keys() & ours.keys())
    faults += _unequal("is", {n: saved.tensors[n].dtype for n in common}, {n: ours[n].dtype for n in common})
    here = _options(net)
    for path in sorted(saved.options.keys() & here.keys()):
        both = dict.fromkeys(_OPTIONS, False) | saved.options[path], here[path]
        names = both[0].keys() & both[1].keys() - {"spike_grad"}
        faults += _unequal("is", *({f"{path}.{n}".removeprefix("."): options[n] for n in names} for options in both))
    for name, first in _shared(ours).items():
        theirs = [as_bytes(saved.tensors[n]) for n in (name, first) if n in saved.tensors]
        if len(set(theirs)) > 1:
            faults.append(f"{name!r} and {first!r} are one parameter of the net but differ in the file")
    return faults


def _unequal(verb: str, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    faults = []
    for name in sorted(theirs.keys() | ours.keys()):
        if name not in ours:
            faults.append(f"{name!r} is in the file only")
        elif name not in theirs:
            faults.append(f"{name!r} is in the net only")
        elif theirs[name] != ours[name]:
            faults.append(f"{name!r} {verb} {theirs[name]} in the file and {ours[name]} in the net")
    return faults


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, list[int]]:
    """Return shapes in which a single number is always ``[]``, unlike Lapicque's ``beta`` in an earlier version."""
    return {name: [] if tensor.shape == (1,) else list(tensor.shape) for name, tensor in tensors.items()}


def _own_names(kinds: Mapping[str, str]) -> dict[str, str]:
    """Strip the names of modules from those of classes: a module that runs as the main program has another name."""
    return {path or "the net": kind.rpartition(".")[2] for path, kind in kinds.items()}


def _form(tensor: Tensor) -> dict[str, Any]:
    return {"shape": [*tensor.shape], "dtype": str(tensor.dtype).removeprefix("torch.")}


def _shared(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Return the names of tensors that already have another name, each with that first name."""
    first: dict[int, str] = {}
    names = {name: first.setdefault(id(value), name) for name, value in tensors.items()}
    return {name: owner for name, owner in names.items() if name != owner}


def _options(net: nn.Module) -> dict[str, dict[str, Any]]:
    options = {path: _options_of(m) for path, m in net.named_modules() if isinstance(m, HasConstants)}
    return {path: named for path, named in options.items() if named}


def _options_of(module: HasConstants) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if isinstance(module, SpikingNeuron):
        options |= {name: bool(getattr(module, name)) for name in _OPTIONS}
    if isinstance(module, Firing):
        options["spike_grad"] = repr(module.spike_grad)
    held = dict(module.named_buffers(recurse=False)) | vars(module)
    for name in (held.keys() & _SETTINGS) - module.state_dict().keys():
        options |= _plain(name, held[name])
    return options


def _plain(name: str, setting: Any) -> dict[str, Any]:
    """Return a setting by name as JSON stores it, equal numbers as a single one; an empty dict for other objects."""
    if isinstance(setting, Tensor) and setting.is_meta:
        return {}
    plain = setting.tolist() if hasattr(setting, "tolist") else setting
    while isinstance(plain, list | tuple) and plain and all(item == plain[0] for item in plain):
        plain = plain[0]
    try:
        return {name: json.loads(json.dumps(plain, allow_nan=False))}
    except ValueError:  # JSON has no infinity
        return {name: str(plain)}
    except TypeError:
        return {}
