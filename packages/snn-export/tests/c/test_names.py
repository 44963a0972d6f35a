"""Nothing that a layer is called gets into the source."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from in_c.compiling import Compiled, differing_step
from in_c.nets import KEEPS, inputs
from snn_export.c import export_c
from snn_export.c.names import Names, comment

HOSTILE = ("*/ int evil; /*", '"\n#include <evil.h>\n', "??/", "\\", "int", "n0", "0", "net step", "μ", "x" * 300, "//")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_comment_ends_where_it_ends(text):
    assert not {"*", "/", "\\", "?", "\n"} & {*comment(text)}
    assert comment(text).isascii()


def test_identifiers_differ_are_plain_and_at_most_63_characters():
    names = Names()
    all_of_them = [names.new(text, other) for text in HOSTILE for other in HOSTILE for _ in range(2)]
    assert len({*all_of_them}) == len(all_of_them)
    assert all(name.isidentifier() and name.isascii() and len(name) <= 63 for name in all_of_them)


class State(NamedTuple):
    mem: Tensor
    static: Tensor
    μ: Tensor


class Named(snn.SpikingNeuron):
    State = State

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for name in ("volatile", "expf", "i", "y", "v0", "state_", "ß"):
            self.register_buffer(name, torch.rand(3))

    def integrate(self, x: Tensor, state: Any) -> Any:
        total = state.mem * self.volatile + x * self.expf + self.i * self.y - self.v0 * self.state_ + self.ß
        return State(torch.exp(-total), state.static + x, state.μ * 0.5 + total)


Named.__name__ = "*/ #error evil\n"


def test_hostile_names_of_layers_states_and_classes_compile(tmp_path):
    net = nn.Sequential()
    for name in HOSTILE:
        plain = name.replace(".", "")  # which PyTorch itself refuses
        net.add_module(plain, nn.Linear(3, 3))
        net.add_module(f"{plain} ", Named(**KEEPS))
    xs = inputs((3,), 3)
    export = export_c(net, xs[0], tmp_path / "a '*; b", recorded=xs)
    assert "#include <evil" not in export.files["net.c"]
    compiled = Compiled(export, tmp_path / "c")
    assert differing_step(net, compiled, xs) is None
