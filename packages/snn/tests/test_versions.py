"""Exact versions of what a requirement brings."""

from __future__ import annotations

import platform
from importlib import metadata

from snn.versions import behind, version


def test_a_version_is_the_installers():
    assert version("torch") == metadata.version("torch")
    assert version("no-distribution-has-this-name") is None


def test_everything_behind_a_requirement_is_listed_once_with_its_version():
    packages = behind("snn")
    assert packages["python"] == platform.python_version()
    direct = {"snn", "snn-core", "snn-cpu", "torch", "packaging"}
    assert direct <= packages.keys()
    assert "sympy" in packages  # torch needs it, nothing of ours does
    assert packages["sympy"] == metadata.version("sympy")


def test_an_extra_adds_what_it_names_and_a_plain_requirement_does_not(monkeypatch):
    needs = {"a": ['b; extra == "more"', "c"], "b": ["a[more]"], "c": [], "d": []}
    versions = {"a": "1", "b": "2", "c": "3", "d": "4"}
    monkeypatch.setattr(metadata, "version", versions.__getitem__)
    monkeypatch.setattr(metadata, "requires", needs.__getitem__)
    plain, more = behind("a"), behind("a[more]")
    assert {name: plain[name] for name in plain if name in versions} == {"a": "1", "c": "3"}
    assert {name: more[name] for name in more if name in versions} == {"a": "1", "b": "2", "c": "3"}


def test_a_distribution_that_is_written_in_two_ways_is_listed_once(monkeypatch):
    needs = {"a": ["b-c", "B_c", "b.C"], "b-c": [], "B_c": [], "b.C": []}
    monkeypatch.setattr(metadata, "version", lambda name: "1")
    monkeypatch.setattr(metadata, "requires", needs.__getitem__)
    assert [name for name in behind("a") if name not in ("python", "platform")] == ["a", "b-c"]
