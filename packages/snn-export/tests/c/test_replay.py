"""The main program replays what was recorded, and sees a difference."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

import snn_export
from in_c.compiling import FLAGS, command
from in_c.nets import NETS, inputs


@pytest.mark.parametrize("name", ["dense", "residual"])
def test_a_recorded_sequence_is_replayed_and_a_changed_one_is_not(name, tmp_path):
    net, shape = NETS[name]()
    xs = inputs(shape, 2 * 40).unflatten(0, (40, 2)).squeeze(2)
    folder = tmp_path / "c"
    files = snn_export.export(net, xs[0], folder / "net.c", recorded=xs, format="c").files
    build = "gcc", *FLAGS, "net.c", "net_main.c", "-lm", "-o", "net"
    compilation = command(*build, folder=folder)
    assert not compilation.returncode, compilation.stderr
    out = command("./net", folder=folder)
    assert out.returncode == 0
    assert "2 samples of 40 steps" in out.stdout
    text = files["net_main.c"]
    begin = text.index("{", text.index("recorded_out[")) + 1
    changed = text[:begin] + re.sub(r" (1|0x1p\+0f),", " 0,", text[begin:], count=1)
    assert changed != text
    (folder / "net_main.c").write_text(changed)
    assert not command(*build, folder=folder).returncode
    out = command("./net", folder=folder)
    assert out.returncode == 1
    assert "differs from the recorded one" in out.stdout


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


# functions, and the shape of a sample
SHAPES = {
    "no axis but the batch": (lambda x: 2 * x, ()),
    "outputs without another axis": (lambda x: x.sum(1), (5,)),
    "outputs of several shapes": (lambda x: (x, {"sum": x.sum((1, 2)), "rows": x.amax(-1)}), (3, 5)),
    "an axis of one": (lambda x: x + 1, (1,)),
    **dict.fromkeys(NETS, (None, None)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_net_that_is_exported_is_exported_with_a_recorded_sequence_too(name, tmp_path):
    function, shape = SHAPES[name]
    net, shape = NETS[name]() if function is None else (Function(function), shape)
    xs = torch.rand(4, 3, *shape)
    plain = snn_export.export(net, xs[0], format="c")
    recorded = snn_export.export(net, xs[0], tmp_path / "net.c", recorded=xs, format="c")
    assert {file: recorded.files[file] for file in plain.files} == plain.files
    build = command("gcc", *FLAGS, "net.c", "net_main.c", "-lm", "-o", "net", folder=tmp_path)
    assert not build.returncode, build.stderr
    assert command("./net", folder=tmp_path).returncode == 0
