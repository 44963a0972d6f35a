"""Private names of PyTorch that the packages use: each is listed with the reason, and each is there."""

from __future__ import annotations

import functools

import pytest
import torch
import torch._functorch.eager_transforms
from torch import nn
from torch.nn.modules import module as module_of_torch

from private_names import BELOW_TORCH, LISTED, OF_FUNCTIONS, OF_TENSORS, uses
from snn_core.effects.attributes import HOOKS

pytestmark = pytest.mark.needs("snn-core", "snn-cpu", "snn-export", "snn-functional", "snn-ipu", "snn-nir")


def used(name: str) -> list[str]:
    return [place for key, places in uses().items() if key == name or key.startswith(f"{name}.") for place in places]


def test_every_private_name_is_listed() -> None:
    names = [name for name in uses() if not any(f"{name}.".startswith(f"{listed}.") for listed in LISTED)]
    unknown = {name: uses()[name] for name in names if name.rpartition(".")[2] not in LISTED}
    assert not unknown, f"list these names, with the reason why nothing public does: {unknown}"


@pytest.mark.parametrize("name", LISTED)
def test_a_listed_name_is_used_and_torch_has_it(name: str) -> None:
    assert used(name), f"no package uses {name} any more: take it off the list"
    if name in BELOW_TORCH:
        there = functools.reduce(lambda owner, part: getattr(owner, part, None), name.split(".")[1:], torch) is not None
    else:
        others = (nn.Conv2d(1, 1, 1), module_of_torch)
        of_function = torch.compiler.assume_constant_result(lambda: None)
        owners = (torch.zeros(1),) if name in OF_TENSORS else (of_function,) if name in OF_FUNCTIONS else others
        there = any(attribute.startswith(name) for owner in owners for attribute in dir(owner))
    assert there, f"PyTorch {torch.__version__} has no {name}, which is used in {', '.join(used(name))}"


def test_the_count_of_nested_forward_derivatives_is_kept() -> None:
    names = []

    def watch(x: torch.Tensor) -> torch.Tensor:
        names.append(torch._functorch.eager_transforms.JVP_NESTING)
        return x

    torch.func.jacfwd(torch.func.jacfwd(watch))(torch.ones(1))
    assert names == [2]


@pytest.mark.parametrize("kind", ["forward", "forward_pre", "full_backward", "full_backward_pre"])
def test_hooks_of_every_kind_are_found(kind: str) -> None:
    layer = nn.Linear(1, 1)
    layer.register_state_dict_post_hook(lambda *_: None)
    assert not any(vars(layer)[name] for name in HOOKS)
    getattr(layer, f"register_{kind}_hook")(lambda *_: None)
    assert any(vars(layer)[name] for name in HOOKS)
    assert len(HOOKS) == 4
    assert all(hasattr(module_of_torch, f"_global{name}") for name in HOOKS)
