"""C as one of the formats of export."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_export import export


def small() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.5, init_hidden=True)).eval()


def test_files_lie_beside_the_source_and_the_report_tells_their_size(tmp_path):
    exported = export(small(), torch.zeros(1, 3), tmp_path / "eye.c", format="c", recorded=torch.ones(4, 1, 3))
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == exported.files
    assert [*exported.files] == ["eye.h", "eye.c", "eye_main.c"]
    assert exported.report.flash == 4 * (2 * 3 + 2)


def test_a_budget_refuses_before_a_file_is_written(tmp_path):
    with pytest.raises(ValueError, match="takes 32 bytes of flash, but flash=31 allows fewer"):
        export(small(), torch.zeros(1, 3), tmp_path / "net.c", format="c", flash=31)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("option", ["ram", "flash", "recorded", "opset"])
def test_an_option_that_a_format_does_not_have_is_refused(option, tmp_path):
    with pytest.raises(TypeError, match=f"format='torch' has no option '{option}'; it takes no options"):
        export(small(), torch.zeros(1, 3), tmp_path / "net.pt2", format="torch", **{option: 1})
    assert not [*tmp_path.iterdir()]


def test_the_options_of_c_are_named():
    with pytest.raises(TypeError, match="no option 'rom'; it takes ram, flash, recorded"):
        export(small(), torch.zeros(1, 3), format="c", rom=1)


def test_c_is_a_step_of_one_input():
    with pytest.raises(ValueError, match=r"format='c' writes one step.*pass over='step'"):
        export(small(), torch.zeros(4, 1, 3), format="c", over="sequence")
    with pytest.raises(ValueError, match="nets of one input, got 2"):
        export(small(), (torch.zeros(1, 3), torch.zeros(1, 3)), format="c")
