"""The report that an owner of an IPU can send."""

from __future__ import annotations

import json

import pytest
from torch import nn

import snn_ipu
from snn_ipu import report

from . import nets


@pytest.fixture
def folder(tmp_path):
    net = nn.Sequential(nn.Linear(7, 5), nets.alone("leaky")).float()
    snn_ipu.export(net, nets.example().float(), tmp_path / "bundle", loss="ce_rate")
    return tmp_path / "bundle"


def test_a_report_on_the_double_says_what_ran_and_how_far_apart(folder, tmp_path, poptorch, capsys):
    out = tmp_path / "report.json"
    assert report.main([str(folder), "--target", "hw", "--out", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    description = json.loads(out.read_text())
    assert (description["target"], description["poptorch"]) == ("hw", "3.4.0-double")
    assert max(description["largest_difference"]) < 1e-5
    assert len(description["losses"]["hw"]) == len(description["losses"]["cpu"]) == 5
    assert all(abs(a - b) < 1e-5 for a, b in zip(description["losses"]["hw"], description["losses"]["cpu"]))
    assert description["losses"]["cpu"][-1] < description["losses"]["cpu"][0]


def test_a_report_of_a_bundle_without_a_loss_has_no_losses(tmp_path):
    snn_ipu.export(nets.alone("leaky").float(), nets.example(features=5).float(), tmp_path, encoding="rate")
    description = report.compare(tmp_path, target="cpu")
    assert description["losses"] is None
    assert description["largest_difference"] == [0.0, 0.0]


def test_without_an_ipu_the_reason_is_printed(folder, tmp_path, capsys):
    assert report.main([str(folder), "--out", str(tmp_path / "report.json")]) == 1
    assert "PopTorch is not importable" in capsys.readouterr().err
    assert not (tmp_path / "report.json").exists()
    assert report.main([str(tmp_path)]) == 1
    assert "contains no program.json" in capsys.readouterr().err
