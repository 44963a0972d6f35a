"""Private names of PyTorch that the packages rely on mean what they take them to mean."""

from __future__ import annotations

import pytest
import torch
import torch._functorch.eager_transforms
from torch import nn
from torch.nn.modules import module as module_of_torch

from snn_core.effects.attributes import HOOKS

pytestmark = pytest.mark.needs("snn-core")


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
