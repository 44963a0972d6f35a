"""The bundle that carries a net to a device: a folder with ``program.json`` and ``weights.npz``, checked before use."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from torch import Tensor

from snn_ipu.program import arrays
from snn_ipu.program.graph import output_names
from snn_ipu.program.losses import LOSSES, REDUCTIONS
from snn_ipu.program.operations import DTYPES, TABLE
from snn_ipu.program.spiking import CLOSED_FORMS, takes

__all__ = ["FORMAT", "VERSION", "BundleError", "read_bundle", "validate", "write_bundle"]

FORMAT = "snn-ipu program"
VERSION = 1  # of the description; a program of another version is refused
_PROGRAM, _WEIGHTS = "program.json", "weights.npz"
_KEYS = {"format", "version", "written_by", "input", "weights", "aliases", "nodes", "output", "loss"}


class BundleError(ValueError):
    """Error for a bundle that is incomplete, damaged, of another version, or not allowed."""


def write_bundle(path: str | Path, description: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Write a bundle."""
    validate(description, tensors)
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    arrays.write(folder / _WEIGHTS, tensors)
    described = {**description, "weights_sha256": _sha256(folder / _WEIGHTS)}
    (folder / _PROGRAM).write_text(json.dumps(described, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_bundle(path: str | Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read and check a bundle.

    Raises:
        BundleError: If it is incomplete, damaged, of another version, or asks for an unknown operation.
    """
    folder = Path(path)
    for name in (_PROGRAM, _WEIGHTS):
        if not (folder / name).is_file():
            raise BundleError(f"{folder} contains no {name}; a bundle is a folder that snn_ipu.export wrote")
    try:
        description = json.loads((folder / _PROGRAM).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{folder / _PROGRAM} is not readable JSON ({error}); export the net again") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise BundleError(f"{folder / _PROGRAM} does not describe a program of snn-ipu; export the net again")
    if description.get("version") != VERSION:
        raise BundleError(
            f"{folder} is a bundle of version {description.get('version')!r}, but this snn-ipu reads {VERSION}; use "
            "the same snn-ipu on both sides"
        )
    if description.pop("weights_sha256", None) != _sha256(folder / _WEIGHTS):
        raise BundleError(f"{folder / _WEIGHTS} is not the file that was written with {_PROGRAM}; export the net again")
    try:
        tensors = arrays.read(folder / _WEIGHTS)
    except arrays.ArrayError as error:
        raise BundleError(f"{folder}: {error}") from error
    validate(description, tensors)
    return description, tensors


def validate(description: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Check that the device half can run a program.

    Raises:
        BundleError: If a part is missing or of the wrong kind, an operation unknown, a name used before it is
            defined, or a tensor does not have the described shape or dtype.
    """
    try:
        _validate(description, tensors)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, RecursionError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"the program's description is malformed ({type(error).__name__}: {error})") from error


def _validate(description: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    _require(set(description) == _KEYS, f"has the parts {sorted(description)} instead of {sorted(_KEYS)}")
    details = description["input"]
    _require(_whole(details["num_steps"]) and details["num_steps"] >= 1, f"has {details['num_steps']!r} steps")
    _require(all(map(_whole, details["shape"])), f"takes input of shape {details['shape']!r}")
    _require(details["dtype"] in DTYPES and details["encoding"] in (None, "rate"), "takes input of an unknown kind")
    _require(set(description["weights"]) == set(tensors), "does not name the weights that the bundle contains")
    for name, weight in description["weights"].items():
        result = tensors[name]
        same = list(result.shape) == weight["shape"] and result.dtype == DTYPES[weight["dtype"]]
        _require(same and isinstance(weight["learned"], bool), f"describes a weight {name!r} that is not in the bundle")
        _require(isinstance(weight["constant"], bool), f"does not say whether the weight {name!r} is a constant")
    _require(set(description["aliases"].values()) <= set(tensors), "has an alias of a weight that does not exist")
    known = {"x", "training", *(f"w:{name}" for name in tensors)}
    for node in description["nodes"]:
        _require(isinstance(node["path"], str), "has a node without a path")
        _node(node, known)
    outputs = output_names(description["output"])
    _require(bool(outputs) and set(outputs) <= known, "returns a value that it never computes")
    if description["loss"] is not None:
        _loss(description["loss"], len(outputs))


def _node(node: dict[str, Any], known: set[str]) -> None:
    if node["kind"] != "neuron":
        _require(node["kind"] == "call", f"has a node of kind {node['kind']!r}")
        _operations([node], known)
        return
    _require(node["input"] in known, f"feeds {node['input']!r} to {node['path']!r} before computing it")
    _require(all(map(_whole, node["state_shape"])), f"has states of shape {node['state_shape']!r}")
    scope = set(known)
    _operations(node["once"], scope)
    scope |= {"in"} | {f"s{i}" for i in range(len(node["states"]))}
    _operations(node["step"], scope)
    _require({*node["states"], *node["results"]} <= scope, f"keeps a value that {node['path']!r} never computes")
    _require(len(node["outs"]) == len(node["results"]), f"names the results of {node['path']!r} wrongly")
    known.update(node["outs"])


def _operations(ops: list[dict[str, Any]], known: set[str]) -> None:
    for op in ops:
        name = op["op"]
        _require(name in TABLE or name == "spike", f"uses the operation {name!r}, which snn-ipu does not know")
        used = {n for value in (*op["args"], *op["kwargs"].values()) for n in _used(value)}
        _require(used <= known, f"uses {sorted(used - known)} before computing it")
        if name == "spike":
            _surrogate(op["surrogate"])
        _require(bool(op["outs"]) and all(isinstance(n, str) for n in op["outs"]), f"drops the result of {name!r}")
        known.update(op["outs"])


def _used(value: Any) -> set[str]:
    """Return the names of the tensors in an encoded argument, after checking it."""
    if isinstance(value, list):
        return {name for part in value for name in _used(part)}
    if not isinstance(value, dict):
        return set()
    ((kind, content),) = value.items()
    if kind == "v":
        return {content}
    if kind == "slice":
        _require(len(content) == 3, "has a slice without exactly three parts")
        return _used(content)
    known = {"dtype": (*DTYPES, "program"), "float": ("inf", "-inf", "nan"), "ellipsis": (True,), "batch": (True,)}
    _require(content in known.get(kind, ()), f"has a {kind!r}")
    return set()


def _surrogate(surrogate: dict[str, Any]) -> None:
    name = surrogate["name"]
    if name == "injected":
        known = {"u"}
        _operations(surrogate["ops"], known)
        _require(surrogate["out"] in known, "has a surrogate that computes no derivative")
    elif name != "none":
        _require(name in CLOSED_FORMS, f"uses the surrogate {name!r}, which snn-ipu does not know")
        fits = takes(name, surrogate["params"]) and all(isinstance(p, float) for p in surrogate["params"])
        _require(fits, f"gives the surrogate {name!r} the parameters {surrogate['params']!r}")


def _loss(loss: dict[str, Any], outputs: int) -> None:
    _require(loss["name"] in LOSSES, f"uses the loss {loss['name']!r}, which snn-ipu does not know")
    _require(all(_whole(i) and 0 <= i < outputs for i in (loss["of"], *loss["l1_rate_of"])), "has a loss of no output")
    _require(loss["reduction"] in REDUCTIONS, f"reduces its loss by {loss['reduction']!r}")
    classes, weight = loss.get("classes"), loss["weight"]
    _require(classes is None or _whole(classes), f"has {classes!r} classes")
    _require(classes is None or weight is None or len(weight) == classes, "has more or fewer weights than classes")
    _require(loss["population"] is None or loss["population"] >= 1, "has a population code without classes")
    _require(set(loss["options"]) == set(LOSSES[loss["name"]][1]), f"does not have the options of {loss['name']}")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BundleError(f"the program {otherwise}; export the net again")


def _whole(value: Any) -> bool:
    return type(value) is int and value >= 0


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
