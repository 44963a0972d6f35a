"""What the demonstration needs."""

from __future__ import annotations

import importlib.util

import pytest

from snn.demo.pieces import MissingPieces, require_pieces


def test_only_what_is_missing_is_named(monkeypatch):
    there = {"snn_data", "snn_functional"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name in there else None)
    with pytest.raises(MissingPieces, match=r"^not installed: scikit-learn, snn-plot; pip install 'snn\[demo\]'$"):
        require_pieces()


def test_with_everything_there_nothing_is_said(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    require_pieces()


def test_it_is_an_import_error():
    assert issubclass(MissingPieces, ImportError)
