"""Errors and warnings that carry a code."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

import snn_nir.codes
from snn_nir.codes import CODES, NIRError, NIRWarning, announce, refusal

SOURCES = sorted(Path(snn_nir.codes.__file__).parent.rglob("*.py"))


def test_every_code_that_is_used_is_in_the_table():
    used = {code for source in SOURCES for code in re.findall(r'"(NIR\d+)"', source.read_text(encoding="utf8"))}
    assert used - CODES.keys() == set()


def test_codes_ascend_and_have_three_digits():
    assert list(CODES) == sorted(CODES)
    assert all(re.fullmatch(r"NIR[1-5]\d\d", code) for code in CODES)


@pytest.mark.parametrize("code", CODES)
def test_meaning_and_remedy_are_text_that_reads_on_from_a_colon(code):
    for text in CODES[code]:
        assert text
        assert not text.endswith(".")


def test_a_refusal_names_place_meaning_value_and_remedy():
    error = refusal("NIR208", "node 'lif', tau", "-1.0 at [3]")
    assert isinstance(error, ValueError)
    assert error.code == "NIR208"
    assert str(error) == (
        "NIR208: node 'lif', tau: a time constant or delay is out of range: -1.0 at [3]; "
        "time constants must be > 0 and delays >= 0"
    )


def test_an_error_survives_pickling():
    again = pickle.loads(pickle.dumps(refusal("NIR101", "file", "0 bytes")))
    assert (type(again), again.code) == (NIRError, "NIR101")
    assert str(again).startswith("NIR101: file: ")


def test_a_warning_points_at_the_caller_and_carries_the_code():
    with pytest.warns(NIRWarning, match=r"NIR211: node 'x': ") as record:
        announce("NIR211", "node 'x'", "it was missing")
    assert record[0].message.code == "NIR211"
    assert record[0].filename == __file__


def test_an_unknown_code_is_a_mistake():
    with pytest.raises(KeyError):
        refusal("NIR999", "node", "something")
