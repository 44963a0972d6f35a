"""Private names of PyTorch that the packages use: each is listed with the reason, and each is there."""

from __future__ import annotations

import ast
import functools
import pathlib
import re

import pytest
import torch
import torch._functorch.eager_transforms
from torch import nn
from torch.nn.modules import module as module_of_torch

pytestmark = pytest.mark.needs("snn-core", "snn-cpu", "snn-export", "snn-functional", "snn-ipu", "snn-nir")

PACKAGES = pathlib.Path(__file__).parent.parent / "packages"

# names below torch, and why nothing public does
BELOW_TORCH = {
    "torch._C.DispatchKey": "a custom operator's implementation runs below autograd; nothing public switches it on",
    "torch._C._ForceDispatchKeyGuard": "as DispatchKey",
    "torch._C._dispatch_tls_local_exclude_set": "as DispatchKey",
    "torch._C._dispatch_tls_local_include_set": "as DispatchKey",
    "torch._C.DisableTorchFunction": "torch.overrides offers no way to leave a function mode for a few calls",
    "torch._C._are_functorch_transforms_active": "whether any transform of torch.func is active is nowhere public",
    "torch._C._autograd._top_saved_tensors_default_hooks": "whether hooks on saved tensors are set is nowhere public",
    "torch._C._current_graph_task_id": "which backward pass runs is nowhere public",
    "torch.autograd.Variable._execution_engine.run_backward": "torch.autograd.grad takes a fourth longer for a single "
    "step, and imports SymPy if it is passed upstream gradients",
    "torch._assert_async": "a condition that a device checks by itself, which nobody waits for, is nowhere public",
    "torch._C._dispatch_has_kernel_for_dispatch_key": "whether a device has an operation is nowhere public",
    "torch._C._dispatch_key_for_device": "as above",
    "torch._C._functorch.is_functorch_wrapped_tensor": "whether a transform has wrapped a tensor is nowhere public",
    "torch._C._functorch.is_legacy_batchedtensor": "as above, for is_grads_batched=True",
    "torch._C._storage_Use_Count": "how many tensors lie in one memory is nowhere public",
    "torch._C._get_mkldnn_enabled": "torch.backends.mkldnn.enabled takes ten times as long in each convolution",
    "torch._C._is_tracing": "torch.jit.is_tracing() takes two to seven times as long in each step",
    "torch._C._get_tracing_state": "which trace of torch.jit runs is nowhere public",
    "torch._C._len_torch_dispatch_stack": "whether a dispatch mode is active is nowhere public",
    "torch._C._len_torch_function_stack": "whether a function mode is active, in a step, where a list takes too long",
    "torch.autograd._disable_profiler_legacy": "torch.profiler sums allocations up by operation, writes to stderr from "
    "2.13 on, and asks for GPUs; this gives each allocation and does neither",
    "torch.autograd._profiler_enabled": "whether a profiler records is nowhere public",
    "torch.autograd.forward_ad._current_level": "whether a forward derivative is being taken is nowhere public",
    "torch._functorch.eager_transforms": "how many forward derivatives are nested (JVP_NESTING) is nowhere public",
    "torch.nn.Conv2d._conv_forward": "whether a subclass computes its convolution otherwise is nowhere public",
    "torch.nn.modules.batchnorm._BatchNorm": "the class that all batch normalizations have in common",
    "torch.nn.modules.batchnorm._NormBase": "as above, with instance normalizations",
    "torch.nn.modules.dropout._DropoutNd": "the class that all dropouts have in common",
    "torch.ops.mkldnn._linear_pointwise": "a product by oneDNN whatever BLAS torch was built with",
    "torch.overrides._get_current_function_mode_stack": "whether a function mode is active is nowhere public",
    "torch.utils._python_dispatch": "what sees every operation, those of a backward pass too, is nowhere public",
    "torch.utils._pytree": "what flattens nested containers is nowhere public: 2.10 to 2.15 have no torch.utils.pytree",
}
OF_MODULES = {
    "_apply": "what moves and casts a module, to be extended for what is neither parameter nor buffer",
    "_backward_hooks": "whether a module has hooks is nowhere public",
    "_backward_pre_hooks": "as above",
    "_buffers": "named_buffers() leaves out what is None and what comes twice, and cannot exchange",
    "_conv_forward": "as torch.nn.Conv2d._conv_forward",
    "_compiled_call_impl": "whether a module is compiled is nowhere public",
    "_forward_hooks": "as _backward_hooks",
    "_forward_pre_hooks": "as _backward_hooks",
    "_load_from_state_dict": "what a module reads, to be extended by values that follow from others",
    "_modules": "named_children() leaves out a module that comes twice",
    "_parameters": "as _buffers",
    "_reversed_padding_repeated_twice": "how a convolution pads, for padding='same' too",
    "_save_to_state_dict": "as _load_from_state_dict",
    "_version": "that of a module's state_dict; and how often a tensor was changed in place is nowhere public",
}
OF_TENSORS = {
    "_base": "the tensor whose view another is, without two views in a graph, is nowhere public",
    "_cdata": "the place of a memory, for torch._C._storage_Use_Count",
    "_is_view": "whether a tensor lies in another's memory; _base is None in a graph",
    "_use_count": "how often a tensor is referred to, beside Python's own variables, is nowhere public",
    "_version": "as above",
}
GLOBAL_HOOKS = {
    "_global_backward_hooks": "whether there are hooks on all modules is nowhere public",
    "_global_backward_pre_hooks": "as above",
    "_global_forward_hooks": "as above",
    "_global_forward_pre_hooks": "as above",
}

PRIVATE, DOTTED, OWN = re.compile(r"\._(?!_)"), re.compile(r"[\w.]+"), re.compile(r"_(?!_)\w+")


def has(*owners: object, name: str) -> bool:
    return any(hasattr(owner, name) for owner in owners)


@functools.cache
def uses() -> dict[str, list[str]]:
    """Every private name of torch in the packages, and the files and lines that use it."""
    places: dict[str, list[str]] = {}
    module, tensor = nn.Conv2d(1, 1, 1), torch.zeros(1)
    for file in sorted(PACKAGES.glob("*/src/**/*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        roots = {"torch": "torch"}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "torch":
                roots |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
                private = "._" in f".{node.module}"
                for name in [node.module] if private else [f"{node.module}.{a.name}" for a in node.names]:
                    if "._" in str(name):
                        note = name if not private or name.startswith("torch.utils") else f"{name}.{node.names[0].name}"
                        places.setdefault(str(note), []).append(f"{file.relative_to(PACKAGES)}:{node.lineno}")
        inner = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
        for node in ast.walk(tree):
            where = f"{file.relative_to(PACKAGES)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Attribute):
                text = ast.unparse(node)
                first, _, rest = text.partition(".") if DOTTED.fullmatch(text) else ("", "", "")
                if id(node) not in inner and first in roots and PRIVATE.search(f".{rest}"):
                    places.setdefault(f"{roots[first]}.{rest}", []).append(where)
                elif first not in roots and OWN.fullmatch(node.attr) and has(module, tensor, name=node.attr):
                    places.setdefault(node.attr, []).append(where)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and OWN.fullmatch(node.value):
                # f"_global{kind}" stands for the hooks of every kind
                names = GLOBAL_HOOKS if node.value == "_global" else [node.value]
                for name in (n for n in names if has(module, module_of_torch, name=n)):
                    places.setdefault(name, []).append(where)
    return places


def used(name: str) -> list[str]:
    return [place for key, places in uses().items() if key == name or key.startswith(f"{name}.") for place in places]


def test_every_private_name_is_listed() -> None:
    listed = [*BELOW_TORCH, *OF_MODULES, *OF_TENSORS, *GLOBAL_HOOKS]
    unknown = {
        n: p for n, p in uses().items() if not any(n == listed or n.startswith(f"{listed}.") for listed in listed)
    }
    assert not unknown, f"list these names, with the reason why nothing public does: {unknown}"


@pytest.mark.parametrize("name", [*BELOW_TORCH, *OF_MODULES, *OF_TENSORS, *GLOBAL_HOOKS])
def test_a_listed_name_is_used_and_torch_has_it(name: str) -> None:
    assert used(name), f"no package uses {name} any more: take it off the list"
    if name in BELOW_TORCH:
        there = functools.reduce(lambda owner, part: getattr(owner, part, None), name.split(".")[1:], torch) is not None
    else:
        owners = (nn.Conv2d(1, 1, 1), module_of_torch) if name not in OF_TENSORS else (torch.zeros(1),)
        there = any(hasattr(owner, name) for owner in owners)
    assert there, f"PyTorch {torch.__version__} has no {name}, which is used in {', '.join(used(name))}"


def test_the_count_of_nested_forward_derivatives_is_kept() -> None:
    names = []

    def watch(x: torch.Tensor) -> torch.Tensor:
        names.append(torch._functorch.eager_transforms.JVP_NESTING)
        return x

    torch.func.jacfwd(torch.func.jacfwd(watch))(torch.ones(1))
    assert names == [2]
