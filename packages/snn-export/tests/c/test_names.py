"""Nothing that a layer is called gets into the source."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
import snn_export
from in_c.compiling import FLAGS, command, differing_step
from in_c.nets import KEEPS, inputs
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


def test_hostile_names_of_layers_states_and_classes_compile(compiler, tmp_path):
    net = nn.Sequential()
    for name in HOSTILE:
        plain = name.replace(".", "")  # which PyTorch itself refuses
        net.add_module(plain, nn.Linear(3, 3))
        net.add_module(f"{plain} ", Named(**KEEPS))
    xs = inputs((3,), 3)
    export = snn_export.export(net, xs[0], tmp_path / "a '*; b" / "net.c", recorded=xs, format="c")
    assert "#include <evil" not in export.files["net.c"]
    assert differing_step(net, compiler(net, xs[0], tmp_path / "c"), xs) is None


def test_a_net_is_called_as_its_file_so_that_two_fit_into_one_program(tmp_path):
    torch.manual_seed(0)
    nets = {name: nn.Sequential(nn.Linear(3, outs), snn.Leaky(0.9, **KEEPS)) for name, outs in (("Eye", 2), ("ear", 4))}
    for name, net in nets.items():
        export = snn_export.export(net, torch.ones(1, 3), tmp_path / f"{name}.c", format="c")
        assert [*export.files] == [f"{name}.h", f"{name}.c"]
    (tmp_path / "main.c").write_text(
        """#include "Eye.h"
        #include "ear.h"
        int main(void) {
            Eye_state a; ear_state b; const float in[3] = {1, 1, 1}; float x[EYE_OUTPUTS], y[EAR_OUTPUTS];
            Eye_reset(&a); ear_reset(&b); Eye_step(in, x, &a); ear_step(in, y, &b);
            return EYE_OUTPUTS != 2 || EAR_OUTPUTS != 4;
        }"""
    )
    compilation = command("gcc", *FLAGS, "Eye.c", "ear.c", "main.c", "-o", "both", folder=tmp_path)
    assert not compilation.returncode, compilation.stderr
    assert command("./both", folder=tmp_path).returncode == 0


@pytest.mark.parametrize("name", ["", "2nd", "a-b", "while", "x; int y", "μ", "_x", "n" * 29])
def test_a_file_whose_name_is_not_an_identifier_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match=r"cannot be called|ends in \.c"):
        snn_export.export(nn.Sequential(nn.Linear(3, 2)), torch.ones(1, 3), tmp_path / f"{name}.c", format="c")
    assert not [*tmp_path.iterdir()]


def test_a_path_that_does_not_end_in_c_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.c, got"):
        snn_export.export(nn.Sequential(nn.Linear(3, 2)), torch.ones(1, 3), tmp_path / "net", format="c")
    assert not [*tmp_path.iterdir()]


def test_a_layer_may_be_called_as_the_functions_are(compiler, tmp_path):
    net = nn.Sequential()
    net.add_module("net", nn.Linear(3, 2))
    net.get_submodule("net").register_buffer("step", torch.ones(2))
    net.add_module("after", snn.Leaky(torch.tensor([0.5, 0.25]), **KEEPS))
    xs = inputs((3,), 3)
    assert differing_step(net, compiler(net, xs[0], tmp_path / "c"), xs) is None
