"""The check of the types of public names, on reports in pyright's form: the session ``types`` runs it on true ones."""

from __future__ import annotations

from typing import Any

import pytest

import typed_api


def symbol(name: str, *messages: tuple[str, str], **fields: bool) -> dict[str, Any]:
    """A name that is fully typed, but for what is told."""
    diagnostics = [{"severity": severity, "message": message, "file": "a.py"} for severity, message in messages]
    known = {"isExported": True, "isTypeKnown": True, "isTypeAmbiguous": False}
    return {"category": "function", "name": name, "referenceCount": 1, **known, **fields, "diagnostics": diagnostics}


def report_of(*symbols: dict[str, Any], general: tuple[str, ...] = ()) -> dict[str, Any]:
    """A report."""
    messages = [{"file": "", "severity": "error", "message": message} for message in general]
    return {"generalDiagnostics": messages, "typeCompleteness": {"symbols": list(symbols)}}


def test_a_missing_docstring_is_not_a_missing_type():
    assert typed_api.untyped(report_of(symbol("a.f", ("warning", 'No docstring found for function "a.f"')))) == []


def test_an_unknown_type_is_reported_with_its_reasons_in_one_line():
    reasons = ("error", "Parameter is missing"), ("error", "Return type is\n\u00a0\u00a0partially unknown")
    report = report_of(symbol("a.f", *reasons, isTypeKnown=False), symbol("a.g"))
    assert typed_api.untyped(report) == ["a.f: Parameter is missing; Return type is partially unknown"]


def test_a_type_that_has_to_be_inferred_is_missing():
    report = report_of(symbol("a.C.x", ("error", 'Inferred type is "int"'), isTypeAmbiguous=True))
    assert typed_api.untyped(report) == ['a.C.x: Inferred type is "int"']


def test_a_class_with_an_untyped_base_is_named_though_it_has_no_reason_of_its_own():
    private = symbol("a._b.B.x", ("error", "Type is missing"), isTypeKnown=False, isExported=False)
    report = report_of(symbol("a.C", isTypeKnown=False), private)
    assert typed_api.untyped(report) == ["a.C", "a._b.B.x: Type is missing"]


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (report_of(general=("No py.typed file found",)), "No py.typed file found"),
        (report_of(), "no public names"),
    ],
)
def test_a_package_without_a_report_is_not_typed(report, line):
    assert typed_api.untyped(report) == [line]


def test_one_package_of_several_is_enough_to_fail(monkeypatch, capsys):
    reports = {
        "typed": report_of(symbol("typed.f"), symbol("typed.g")),
        "not_": report_of(symbol("not_.f", isTypeKnown=False)),
    }
    monkeypatch.setattr(typed_api, "report", reports.__getitem__)
    assert typed_api.main(["not_", "typed"]) == 1
    assert capsys.readouterr().out == "not_.f\ntyped: 2 public names, all fully typed\n"
    assert typed_api.main(["typed"]) == 0


def test_a_pyright_that_gives_no_report_is_quoted(monkeypatch, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho No module named pyright >&2\n", encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setattr(typed_api.sys, "executable", str(python))
    with pytest.raises(RuntimeError, match="pyright gave no report of snn_core: No module named pyright"):
        typed_api.report("snn_core")
