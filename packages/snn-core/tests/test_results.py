"""Results show all of it when printed, 30 lines at a prompt and in a notebook, and everything as data."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_core.results import Result, aligned


class Pair(NamedTuple):
    """A row of data."""

    name: str
    sizes: tuple[int, ...]


@dataclass(frozen=True, repr=False)
class Shown(Result):
    """A result that shows the lines it is given."""

    lines: list[object]
    pairs: tuple[Pair, ...] = ()
    hidden: object = field(default=None, repr=False)

    def _lines(self):
        return self.lines


@dataclass(frozen=True, repr=False)
class Plain(Result):
    """A result without a text of its own."""

    name: str
    number: int


ROWS = [("layer", "rate"), *((f"layer {k}", f"{k}") for k in range(50)), ("all", "1")]


def test_a_result_without_a_text_of_its_own_names_its_fields():
    assert str(Plain("a", 3)) == repr(Plain("a", 3)) == "Plain(name='a', number=3)"


def test_a_printed_result_is_complete_and_a_prompt_shows_30_lines():
    result = Shown([*ROWS, "a note"])
    lines = repr(result).splitlines()
    assert len(str(result).splitlines()) == 53
    assert len(lines) == 30
    assert lines[:2] == ["layer     rate", "layer 0   0"]
    assert lines[25:] == [
        *("layer 24  24", "... 24 more; to_dict() has them all", "layer 49  49", "all       1", "a note")
    ]


def test_of_several_long_parts_the_prompt_shows_each():
    result = Shown([*ROWS, *(f"finding {k}" for k in range(40)), *ROWS[:40], "the end"])
    lines = repr(result).splitlines()
    assert len(lines) <= 30
    assert sum(line.endswith("to_dict() has them all") for line in lines) == 3
    assert [line for line in lines if line.startswith("finding")][-1] == "finding 39"
    assert lines[-1] == "the end"


def test_a_prompt_has_100_columns_and_a_printed_result_as_many_as_it_needs():
    path = ".".join(f"stage{k}" for k in range(30))
    result = Shown([("layer", "rate"), (path, "0.25"), "  " + "word " * 40, "", "x" * 250])
    assert max(map(len, repr(result).splitlines())) == 100
    assert repr(result).splitlines()[1].endswith("stage29  0.25")
    assert "  word word" in repr(result)
    assert repr(result).split().count("word") == 40
    assert "".join(line.strip() for line in repr(result).splitlines()[-3:]) == "x" * 250
    assert f"{path}  0.25" in str(result)


def test_columns_are_aligned_to_one_side():
    assert aligned([("a", "b"), ("aa", "123")]) == ["a   b", "aa  123"]
    assert aligned([("a", "b"), ("aa", "123")], ">") == ["a     b", "aa  123"]


@pytest.mark.parametrize("lines", [[("a < b",), ("<b>",), "c & d"], [*ROWS, *map(str, range(60))]])
def test_a_notebook_shows_well_formed_tables_with_escaped_content(lines):
    result = Shown(lines)
    page = ElementTree.fromstring(f"<body>{result._repr_html_()}</body>")
    assert {element.tag for element in page.iter()} <= {*"body table thead tbody tr th td pre".split()}
    rows = [" ".join(row.itertext()) for row in page.iter("tr")] + "".join(page.find("pre").itertext()).split("\n")
    assert len(rows) == min(len(lines), 30)
    assert rows[0] == " ".join(lines[0])
    assert rows[-1] == lines[-1]


def test_data_are_lists_and_dicts_without_what_is_hidden():
    inner = Shown([], (Pair("a", (1, 2)),), hidden=object())
    data = Shown([{"b": inner}, (True, None)], hidden=object()).to_dict()
    pairs = [{"name": "a", "sizes": [1, 2]}]
    assert data == {"lines": [{"b": {"lines": [], "pairs": pairs}}, [True, None]], "pairs": []}
    assert json.loads(json.dumps(data)) == data


def test_a_saved_net_shows_the_form_of_its_tensors(tmp_path):
    net = nn.Sequential(nn.Linear(5, 3), snn.Leaky(beta=0.5, init_hidden=True))
    net(torch.ones(7, 5))
    snn.save(tmp_path / "net.safetensors", net, state=True, dt=1e-3, extra={"accuracy": 0.97})
    saved = snn.load(tmp_path / "net.safetensors")
    lines = repr(saved).splitlines()
    assert lines[0].split() == ["tensor", "shape", "dtype"]
    assert ["0.weight", "[3,", "5]", "float32"] in [line.split() for line in lines]
    assert ["state/1.mem", "[7,", "3]", "float32"] in [line.split() for line in lines]
    assert lines[-3:] == ["dt: 0.001", "seeds: {}", "extra: {'accuracy': 0.97}"]
    data = json.loads(json.dumps(saved.to_dict(), allow_nan=False))
    assert data["tensors"]["0.weight"] == {"shape": [3, 5], "dtype": "float32"}
    assert data["extra"] == {"accuracy": 0.97}


def test_a_schedule_is_data_without_the_plan():
    net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.5, init_hidden=True))
    schedule = snn.backends.explain(net, torch.zeros(5, 7, 3))
    data = json.loads(json.dumps(schedule.to_dict()))
    assert data.keys() == {"kind", "reason", "layers", "blocks", "memory"}
    assert [layer["path"] for layer in data["layers"]] == ["0", "1"]
    assert repr(schedule) == str(schedule)
