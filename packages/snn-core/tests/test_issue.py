"""Tests of issues: they describe a net's problem in a form that every check shares."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass
from typing import Any

import pytest

from snn_core.backends import Issue

PARTS = {"code": "IPU004", "where": "1.fc", "message": "cumsum is not lowered", "remedy": "sum outside of the net"}


def test_an_issue_reads_as_code_place_message_and_remedy() -> None:
    assert str(Issue(**PARTS)) == "IPU004 in '1.fc': cumsum is not lowered; sum outside of the net"
    assert str(Issue(**{**PARTS, "where": ""})) == "IPU004: cumsum is not lowered; sum outside of the net"
    assert Issue(*PARTS.values()) == Issue(**PARTS)


def test_an_issue_is_an_error_unless_it_says_otherwise() -> None:
    assert Issue(**PARTS).severity == "error"
    assert Issue(**PARTS, severity="warning") != Issue(**PARTS)
    assert len({Issue(**PARTS), Issue(**PARTS), Issue(**PARTS, severity="info")}) == 2
    issue = Issue(**PARTS, severity="info")
    assert copy.deepcopy(issue) == pickle.loads(pickle.dumps(issue)) == issue


@pytest.mark.parametrize(
    ("name", "value", "error", "match"),
    [
        *((name, 3, TypeError, f"{name} is 3; pass a str") for name in PARTS),
        ("severity", None, TypeError, "severity is None; pass a str"),
        ("severity", "bad", ValueError, "severity is 'bad'; pass one of error, warning, info"),
    ],
)
def test_a_value_that_is_not_an_issue_is_refused(name: str, value: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        Issue(**{**PARTS, name: value})


def test_a_custom_issue_adds_its_own_fields() -> None:
    @dataclass(frozen=True)
    class Placed(Issue):
        line: str = ""

    issue = Placed(*PARTS.values(), "net.py:7", severity="warning")
    assert (issue.remedy, issue.line, issue.severity) == (PARTS["remedy"], "net.py:7", "warning")
