"""Converted networks in NIR and in C, and the page that says what conversion costs."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import conversion
import snn
from bench.tables import sections
from in_c.compiling import FLAGS, command

pytestmark = pytest.mark.needs("snn", "snn-core", "snn-functional", "snn-data", "snn-export", "snn-nir")


class Net(nn.Module):
    """Convolutions with a residual sum and normalizations, pooled."""

    def __init__(self, pool):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3), nn.ReLU())
        self.inner, self.pool, self.head = nn.Conv2d(3, 3, 3, padding=1), pool, nn.Linear(27, 4)

    def forward(self, x):
        x = self.stem(x)
        return self.head(torch.flatten(self.pool(F.relu(self.inner(x) + x)), 1))


def converted(pool):
    torch.manual_seed(0)
    ann, x = Net(pool), torch.rand(30, 2, 6, 6)
    for _ in range(20):
        ann(x * 3)  # running statistics
    return snn.from_ann(ann, x, num_steps=8).net, x[:2].expand(40, 2, 2, 6, 6)


def test_nir_gives_every_spike_of_a_converted_net():
    net, xs = converted(nn.AvgPool2d(2))
    graph = snn.nir.to_nir(net, xs[0, :1])
    assert snn.nir.fidelity(net, graph, xs).identical
    again = snn.nir.from_nir(graph)
    with torch.no_grad():
        torch.testing.assert_close(snn.unroll(again, xs), snn.unroll(net, xs), rtol=0, atol=1e-5)


def test_a_maximum_is_refused_by_nir_with_its_path():
    net, xs = converted(nn.MaxPool2d(2))
    with pytest.raises(snn.nir.NIRError, match="pool"):
        snn.nir.to_nir(net, xs[0, :1])


@pytest.mark.parametrize("pool", [nn.AvgPool2d(2), nn.MaxPool2d(2)], ids=["average", "maximum"])
def test_c_gives_what_a_converted_net_gives(pool, tmp_path):
    net, xs = converted(pool)
    snn.export(net, xs[0, :1], tmp_path / "net.c", format="c", recorded=xs)
    compilation = command("gcc", *FLAGS, "net.c", "net_main.c", "-lm", "-o", "net", folder=tmp_path)
    assert not compilation.returncode, compilation.stderr
    out = command("./net", folder=tmp_path)
    assert out.returncode == 0, out.stdout
    assert "2 samples of 40 steps" in out.stdout


def lost():
    """The rows of the page's table: task, method and the mean of the points lost by number of steps."""
    text = conversion.PAGE.read_text(encoding="utf-8")
    table = text.partition("## Points of accuracy lost")[2].partition("## ")[0]
    for line in table.strip().splitlines()[2:]:
        task, _, method, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        yield task, method, dict(zip(conversion.STEPS, (float(cell.split()[0]) for cell in cells), strict=True))


def test_the_page_has_every_task_and_method_and_the_goals_are_reached():
    rows = [*lost()]
    assert [row[:2] for row in rows] == [(t, m) for t in conversion.TASKS for m in conversion.METHODS]
    for task, method, points in rows:
        if method != "max":
            assert points[32 if task.startswith("digits") else 64] <= 0.5


def test_a_row_has_mean_and_most_of_the_points_lost():
    shares = dict.fromkeys(conversion.STEPS, 0.95)
    runs = [{"network": {0: share}, **dict.fromkeys(conversion.METHODS, shares)} for share in (0.96, 0.98)]
    table = conversion.tables({"digits, dense": runs})[0]
    assert table.rows[0] == ["digits, dense", "97.00 %", "max", *["2.00 (≤ 3.00)"] * 4]


def test_a_page_takes_new_tables_and_one_without_marks_is_refused():
    text = conversion.PAGE.read_text(encoding="utf-8")
    page = conversion.PART.put(text, lambda: sections(conversion.tables({})))
    assert "## Points of accuracy lost" in conversion.PART.part(page)
    assert re.sub(r"(?s)<!-- tables.*of the tables -->", "", page) == re.sub(
        r"(?s)<!-- tables.*of the tables -->", "", text
    )
    with pytest.raises(ValueError, match=r"convert\.md needs the lines"):
        conversion.PART.put("# Convert", str)


def test_a_network_is_trained_and_converted_by_every_method(monkeypatch):
    source, _, make = conversion.TASKS["digits, dense"]
    monkeypatch.setitem(conversion.TASKS, "digits, dense", (source, 3, make))
    monkeypatch.setattr(conversion, "EPOCHS", 1)
    run = conversion.trained("digits, dense", 0)
    assert run["network"][0] > 0.8
    assert all(run[method].keys() == {*conversion.STEPS} for method in conversion.METHODS)
    assert all(run[method][64] > 0.8 for method in conversion.METHODS)
