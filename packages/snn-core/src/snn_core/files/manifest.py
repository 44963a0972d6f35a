"""The manifest in which a file of tensors describes its content, and the check that the two agree."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Mapping
from importlib import metadata as distributions
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import type_before_parametrizations

from snn_core._version import __version__
from snn_core.files import tensor_file
from snn_core.neuron.constant import is_whole

_FORMAT = 1
_KEY, _SUM = "snn", "snn.sha256"
_DEEPEST = 100  # levels of lists and tables in JSON, far below the depth at which Python gives up


def classes(net: nn.Module) -> dict[str, str]:
    """Return the class of every module of a net, by path. A file contains it as a name, which is never imported."""
    kinds = {path: type_before_parametrizations(m) for path, m in net.named_modules(remove_duplicate=False)}
    return {path: f"{kind.__module__}.{kind.__qualname__}" for path, kind in kinds.items()}


def device_of(net: nn.Module) -> torch.device:
    """Return the device of a net's first parameter or buffer, to which the tensors of a file are moved."""
    return next((t.device for t in [*net.parameters(), *net.buffers()]), torch.device("cpu"))


def sealed(path: str | os.PathLike[str], kind: str, tensors: Mapping[str, Tensor], content: Mapping[str, Any]) -> None:
    """Write tensors with a manifest: format, versions, the shape, dtype and checksum of each tensor, and content."""
    tensor_file.must_be_known(tensors)
    described = {name: _described(tensor) for name, tensor in tensors.items()}
    versions = {"snn-core": __version__, "torch": distributions.version("torch")}
    whole = {"format": _FORMAT, "kind": kind, "versions": versions, "tensors": described, **content}
    try:
        _must_be_json(whole)
        text = json.dumps(whole, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise TypeError(
            "a manifest can store only what JSON can represent (strings, numbers, lists, dicts with strings as keys): "
            f"{error}"
        ) from None
    tensor_file.write(path, tensors, {_KEY: text, _SUM: hashlib.sha256(text.encode()).hexdigest()})


def opened(path: str | os.PathLike[str], kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the manifest of a file of this kind that :func:`sealed` wrote, or raise a ValueError."""
    tensors, texts = tensor_file.read(path)
    text = texts.get(_KEY)
    if text is None:
        raise ValueError(f"{path} has no manifest: it was not written by snn; snn.load reads files that snn.save wrote")
    if hashlib.sha256(text.encode()).hexdigest() != texts.get(_SUM):
        raise ValueError(f"{path} is damaged: the checksum of its manifest is not the one in {_SUM!r}")
    try:
        manifest = json.loads(text, object_pairs_hook=_unique, parse_constant=_refused)
        _must_be_json(manifest)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: its manifest is not JSON ({error})") from None
    if not isinstance(manifest, dict) or manifest.get("format") != _FORMAT:
        version = manifest.get("format") if isinstance(manifest, dict) else manifest
        raise ValueError(f"{path} has format {version!r:.100}; this version reads {_FORMAT}: install a newer snn-core")
    if manifest.get("kind") != kind:
        raise ValueError(f"{path} contains a {manifest.get('kind')!r:.100}, not a {kind!r}")
    faults = _faults(manifest.get("tensors"), tensors)
    if faults:
        raise ValueError(f"{path} is damaged: {'; '.join(faults)}")
    return tensors, manifest


def _faults(record: Any, tensors: Mapping[str, Tensor]) -> list[str]:
    if not isinstance(record, dict):
        return ["its manifest describes no tensors"]
    faults = [f"{name!r} is in its manifest only" for name in record.keys() - tensors.keys()]
    faults += [f"{name!r} is not in its manifest" for name in tensors.keys() - record.keys()]
    for name in tensors.keys() & record.keys():
        description, stored = _described(tensors[name]), record[name]
        if stored != description:
            wrong = [key for key in description if not isinstance(stored, dict) or stored.get(key) != description[key]]
            faults.append(f"{name!r} does not have the {', '.join(wrong) or 'description'} given in its manifest")
    return sorted(faults)


def _described(tensor: Tensor) -> dict[str, Any]:
    return {
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "shape": list(tensor.shape),
        "sha256": hashlib.sha256(tensor_file.as_bytes(tensor)).hexdigest(),
    }


def _must_be_json(value: Any, levels: int = _DEEPEST) -> None:
    """Raise ValueError if a key is not a string, as JSON would turn it into one, or if there are too many levels."""
    if not levels:
        raise ValueError(f"it is nested deeper than {_DEEPEST} levels")
    for key in value if isinstance(value, dict) else ():
        if not isinstance(key, str):
            raise ValueError(f"the key {key!r:.100} is not a string")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        _must_be_json(item, levels - 1)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError(f"{Counter(name for name, _ in pairs).most_common(1)[0][0]!r} appears twice")
    return table


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")


def must_be_time(dt: Any) -> None:
    """Raise unless ``dt`` is None or a positive and finite number of seconds."""
    if dt is not None and not _is_number(dt):
        raise TypeError(f"save: dt must be the length of a time step in seconds, or None, got {dt!r:.100}")
    if dt is not None and not 0 < dt < math.inf:
        raise ValueError(f"save: dt must be a positive and finite number of seconds, got {dt!r:.100}")


def must_be_seeds(seeds: Any) -> None:
    """Raise a TypeError unless ``seeds`` are whole numbers by name, or None."""
    whole = isinstance(seeds, Mapping) and all(isinstance(name, str) and is_whole(seed) for name, seed in seeds.items())
    if seeds is not None and not whole:
        raise TypeError(f"save: seeds must be whole numbers by name, such as {{'torch': 0}}, got {seeds!r:.100}")


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or is_whole(value)


_TABLES: dict[str, tuple[type, ...]] = {
    "classes": (str,),
    "options": (dict,),
    "shared": (str,),
    "versions": (str,),
    "seeds": (int, float),  # whole or not: an earlier version wrote both
}
_VALUES: dict[str, tuple[type, ...]] = {"state": (bool,), "dt": (int, float, type(None)), "extra": ()}


def missing(manifest: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> list[str]:
    """List, in words, the entries that a manifest lacks and those that are not as ``save`` writes them."""
    faults = [f"its manifest has no {key!r}" for key in _TABLES | _VALUES if key not in manifest]
    faults += [
        f"its manifest has no valid {key!r}, got {manifest[key]!r:.100}"
        for key in _TABLES | _VALUES
        if key in manifest and not _fits(key, manifest[key])
    ]
    shared = {} if faults else manifest["shared"]
    return faults + [
        f"{name!r} is the same tensor as {first!r}, which is not in the file"
        for name, first in shared.items()
        if first not in tensors
    ]


def _fits(key: str, value: Any) -> bool:
    if key in _TABLES:
        return isinstance(value, dict) and all(type(item) in _TABLES[key] for item in value.values())
    return key == "extra" or type(value) in _VALUES[key]
