"""Nets that return several tensors: in which structures ``unroll`` stacks them, and which it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

from .zoo import close, gradients


class Named(NamedTuple):
    spk: Tensor
    mem: Tensor


@dataclass
class Registered:
    spk: Tensor
    mem: Tensor


@dataclass
class Unknown:
    spk: Tensor
    mem: Tensor


torch.export.register_dataclass(Registered)
KINDS = {
    "tuple": lambda *parts: parts,
    "list": lambda *parts: [*parts],
    "dict": lambda spk, mem: {"spk": spk, "mem": mem},
    "nested": lambda spk, mem: {"spk": [spk], "states": (Named(spk, mem), {"mem": mem})},
    "NamedTuple": Named,
    "dataclass": Registered,
}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"schedule": "steps"},
    {"chunk": 3},
    {"lengths": [7, 2, 5]},
    {"lengths": [7, 2, 5], "schedule": "steps"},
]


class Returning(nn.Module):
    def __init__(self, kind: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear, self.kind = nn.Linear(5, 4), kind
        self.neuron = snn.Leaky(0.8, threshold=0.3, init_hidden=True, output=True)

    def forward(self, x: Tensor) -> Any:
        return self.kind(*self.neuron(self.linear(x)))


def leaves(out: Any) -> list[Tensor]:
    if isinstance(out, Registered):
        return [out.spk, out.mem]
    if isinstance(out, Tensor):
        return [out]
    return [leaf for part in (out.values() if isinstance(out, dict) else out) for leaf in leaves(part)]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("steps", [1, 7])
@pytest.mark.parametrize("kind", KINDS)
def test_every_tensor_of_a_structure_is_stacked(kind: str, steps: int, options: dict[str, Any]) -> None:
    xs = torch.rand(steps, 3, 5, generator=torch.Generator().manual_seed(1)).double()
    if "lengths" in options:
        options = {**options, "lengths": [min(length, steps) for length in options["lengths"]]}
    plain, net = Returning(KINDS["tuple"]).double(), Returning(KINDS[kind]).double()
    spk, mem = snn.unroll(plain, xs, **options)
    out = snn.unroll(net, xs, **options)
    expected = KINDS[kind](spk, mem)
    assert type(out) is type(expected)
    close(leaves(out), leaves(expected))
    close(gradients(leaves(out), [*net.parameters()]), gradients(leaves(expected), [*plain.parameters()]))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", [Unknown, lambda *parts: {"out": Unknown(*parts)}], ids=["alone", "in a dict"])
def test_a_dataclass_that_torch_does_not_know_is_refused_and_named(kind: Any, options: dict[str, Any]) -> None:
    message = (
        r"this net returns a Unknown; return tensors, alone or in a tuple, list, dict or NamedTuple, or call "
        r"torch\.export\.register_dataclass\(Unknown\)$"
    )
    with pytest.raises(TypeError, match=message):
        snn.unroll(Returning(kind), torch.rand(7, 3, 5), **options)


@pytest.mark.parametrize(("value", "name"), [("words", "str"), (None, "NoneType"), (0.5, "float")])
def test_anything_but_a_tensor_is_refused(value: Any, name: str) -> None:
    message = f"this net returns a {name}; return tensors, alone or in a tuple, list, dict or NamedTuple$"
    with pytest.raises(TypeError, match=message):
        snn.unroll(Returning(lambda spk, mem: (spk, value)), torch.rand(7, 3, 5))
