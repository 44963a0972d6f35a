"""Tests that the report of memory matches what the compiler makes."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

import snn_core as snn
import snn_export
from in_c.compiling import FLAGS, command
from in_c.nets import KEEPS, NETS, inputs

SIZES = '#include <stdio.h>\n#include "net.h"\nint main(void) { printf("%zu", sizeof(net_state)); return 0; }\n'


@pytest.mark.parametrize("name", ["dense", "residual", "axonal", "recurrent delays"])
def test_ram_is_the_size_of_the_state_and_flash_that_of_the_arrays(name, tmp_path):
    net, shape = NETS[name]()
    export = snn_export.export(net, inputs(shape, 1)[0], tmp_path / "c" / "net.c", format="c")
    (tmp_path / "c" / "sizes.c").write_text(SIZES)
    compilation = command("gcc", *FLAGS, "sizes.c", "-o", "sizes", folder=tmp_path / "c")
    assert not compilation.returncode, compilation.stderr
    assert int(command("./sizes", folder=tmp_path / "c").stdout) == export.report.ram
    bytes_of = {"float": 4, "uint8_t": 1}
    arrays = re.findall(r"^static const (\w+) \w+\[(\d+)\]", export.files["net.c"], re.MULTILINE)
    assert sum(bytes_of[ctype] * int(size) for ctype, size in arrays) == export.report.flash


def test_numbers_of_a_dense_net_are_those_counted_by_hand():
    net = nn.Sequential(nn.Linear(12, 20), snn.Leaky(0.9, **KEEPS), nn.Linear(20, 5), snn.Leaky(0.9, **KEEPS))
    report = snn_export.export(net, torch.full((1, 12), 0.5), format="c").report
    assert report.flash == 4 * (12 * 20 + 20 + 20 * 5 + 5)
    assert report.state == 4 * (20 + 5)
    assert report.scratch == 4 * (20 + 5)  # spikes lie where the currents were
    assert report.ram == report.state + report.scratch
    assert [layer.operations for layer in report.layers][::2] == [12 * 20, 20 * 5]
    assert report.largest.path == "0"
    assert f"RAM: {report.ram} bytes" in str(report)


def test_values_that_are_not_needed_at_once_share_their_place():
    chain = nn.Sequential(*(layer for _ in range(10) for layer in (nn.Linear(8, 8), nn.Linear(8, 8))))
    assert snn_export.export(chain, torch.full((1, 8), 0.5), format="c").report.scratch == 4 * 2 * 8


def test_the_header_holds_the_report():
    net, shape = NETS["conv"]()
    export = snn_export.export(net, inputs(shape, 1)[0], format="c")
    header = export.files["net.h"].replace("\n * ", "\n")
    for line in filter(None, str(export.report).splitlines()):
        assert line.rstrip() in header
