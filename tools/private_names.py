"""The private names of PyTorch that the packages use, each with the reason why nothing public does."""

from __future__ import annotations

import ast
import functools
import re

import torch
from torch import nn
from torch.nn.modules import module as module_of_torch

from workspace import ROOT

PACKAGES = ROOT / "packages"

# names below torch
BELOW_TORCH = {
    "torch._C._are_functorch_transforms_active": "whether any transform of torch.func is active is nowhere public",
    "torch._C._autograd._top_saved_tensors_default_hooks": "whether hooks on saved tensors are set is nowhere public",
    "torch._C._current_graph_task_id": "which backward pass runs is nowhere public",
    "torch.autograd.Variable._execution_engine.run_backward": "torch.autograd.grad takes a fourth longer for a single "
    "step, and imports SymPy if it is passed upstream gradients",
    "torch._assert_async": "a condition that a device checks by itself, which nobody waits for, is nowhere public",
    "torch._C._storage_Use_Count": "how many tensors lie in one memory is nowhere public",
    "torch._C._get_tracing_state": "which trace of torch.jit runs is nowhere public",
    "torch._C._len_torch_dispatch_stack": "whether a dispatch mode is active is nowhere public",
    "torch._C._len_torch_function_stack": "whether a function mode is active is nowhere public",
    "torch.autograd._disable_profiler_legacy": "torch.profiler sums allocations up by operation, writes to stderr from "
    "2.13 on, and asks for GPUs; this gives each allocation and does neither",
    "torch.autograd._profiler_enabled": "whether a profiler records is nowhere public",
    "torch.autograd.forward_ad._current_level": "whether a forward derivative is being taken is nowhere public",
    "torch._functorch.eager_transforms": "how many forward derivatives are nested (JVP_NESTING) is nowhere public",
    "torch.ops.mkldnn._linear_pointwise": "a product by oneDNN whatever BLAS torch was built with",
    "torch.utils._python_dispatch": "what sees every operation, those of a backward pass too, is nowhere public",
    "torch.utils._pytree": "what flattens nested containers is nowhere public: 2.10 to 2.15 have no torch.utils.pytree",
}
OF_MODULES = {
    "_apply": "what moves and casts a module, to be extended for what is neither parameter nor buffer",
    "_buffers": "named_buffers() leaves out what is None and what comes twice, and cannot exchange",
    "_conv_forward": "whether a subclass computes its convolution otherwise is nowhere public",
    "_compiled_call_impl": "whether a module is compiled is nowhere public",
    "_forward_hooks": "whether a module has hooks is nowhere public",
    "_forward_pre_hooks": "as above",
    "_global": "whether there are hooks on all modules is nowhere public: _global_forward_hooks and the like",
    "_load_from_state_dict": "what a module reads, to be extended by values that follow from others",
    "_modules": "named_children() leaves out a module that comes twice",
    "_parameters": "as _buffers",
    "_save_to_state_dict": "as _load_from_state_dict",
}
OF_TENSORS = {
    "_backward_hooks": "whether a tensor has hooks is nowhere public",
    "_base": "the tensor whose view another is, without two views in a graph, is nowhere public",
    "_cdata": "the place of a memory, for torch._C._storage_Use_Count",
    "_use_count": "how often a tensor is referred to, beside Python's own variables, is nowhere public",
    "_version": "how often a tensor was changed in place is nowhere public; and the version of a module's state_dict",
}
OF_FUNCTIONS = {
    "_dynamo_marked_constant": "torch.compiler.assume_constant_result, which sets it, imports the compiler when called",
}

LISTED = [*BELOW_TORCH, *OF_MODULES, *OF_TENSORS, *OF_FUNCTIONS]

PRIVATE, DOTTED, OWN = re.compile(r"\._(?!_)"), re.compile(r"[\w.]+"), re.compile(r"_(?!_)\w+")


def _has(*owners: object, name: str) -> bool:
    return any(hasattr(owner, name) for owner in owners)


def _is_of(name: str, *owners: object) -> bool:
    return bool(OWN.fullmatch(name)) and _has(*owners, name=name)


@functools.cache
def uses() -> dict[str, list[str]]:
    """Return every private name of torch in the packages, with the files and lines that use it.

    Example:
        >>> any(place.startswith("snn-core/src/snn_core/") for place in uses()["_version"])
        True
    """
    places: dict[str, list[str]] = {}
    module, tensor = nn.Conv2d(1, 1, 1), torch.zeros(1)
    for file in sorted(PACKAGES.glob("*/src/**/*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        roots = {"torch": "torch"}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "torch":
                roots |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
                home = str(node.module)
                private = "._" in f".{home}"
                for name in [home] if private else [f"{home}.{a.name}" for a in node.names]:
                    if "._" in name:
                        note = name if not private or name.startswith("torch.utils") else f"{name}.{node.names[0].name}"
                        places.setdefault(note, []).append(f"{file.relative_to(PACKAGES)}:{node.lineno}")
        inner = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
        for node in ast.walk(tree):
            where = f"{file.relative_to(PACKAGES)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Attribute):
                text = ast.unparse(node)
                first, _, rest = text.partition(".") if DOTTED.fullmatch(text) else ("", "", "")
                if id(node) not in inner and first in roots and PRIVATE.search(f".{rest}"):
                    places.setdefault(f"{roots[first]}.{rest}", []).append(where)
                elif first not in roots and (node.attr in OF_FUNCTIONS or _is_of(node.attr, module, tensor)):
                    places.setdefault(node.attr, []).append(where)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and OWN.fullmatch(node.value):
                # "_global" begins the names of the hooks on all modules
                name = "_global_forward_hooks" if node.value == "_global" else node.value
                if _has(module, module_of_torch, name=name):
                    places.setdefault(node.value, []).append(where)
    return places
