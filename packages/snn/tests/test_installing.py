"""Tests of the command that a user is told to type where a piece is missing."""

from __future__ import annotations

import re
from importlib import metadata

import pytest
from packaging.requirements import Requirement

import snn
from snn._installing import command, extra, hint
from snn.versions import PIECES

THE_OTHER_PROJECT = "0.4"  # the last version that the public index has of the project that bore the name before


@pytest.mark.parametrize("piece", PIECES)
def test_pip_is_never_asked_for_what_the_project_that_bore_the_name_before_fulfils(piece: str):
    (wanted,) = re.findall(r"'([^']+)'", command(extra(piece)))
    need = Requirement(wanted)
    assert need.name == "snn"
    assert need.specifier.contains(snn.__version__)
    assert not need.specifier.contains(THE_OTHER_PROJECT, prereleases=True)


@pytest.mark.parametrize("piece", [piece for piece in PIECES if piece not in ("snn", "snn-core")])
def test_the_extra_is_one_that_the_umbrella_has(piece: str):
    (wanted,) = Requirement(extra(piece)).extras
    assert wanted in metadata.metadata("snn").get_all("Provides-Extra")


def test_what_an_index_may_not_have_is_named_with_where_it_is_looked_for():
    hinted = "pip install 'snn[plot]>=0.5', with the --find-links that snn was installed with, if any"
    assert hint("snn[plot]") == hinted


def test_what_is_asked_for_beside_the_umbrella_stays_as_it_is():
    assert command("snn[demo]", "snn-data[vowels]") == "pip install 'snn[demo]>=0.5' 'snn-data[vowels]'"
