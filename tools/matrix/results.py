"""Collect the results of the matrix's sessions in one file for programs, ``dist/matrix.json``."""

from __future__ import annotations

import datetime
import json
import pathlib
import platform
from collections.abc import Iterable, Mapping
from typing import Any

from workspace import PROJECTS, ROOT

RECORDS = ROOT / "dist" / "matrix"
REPORT = RECORDS / "report.json"
RESULT = ROOT / "dist" / "matrix.json"
NOTHING: dict[str, Any] = {"tested": [], "installed": {}, "apart": {}}  # for a session that noted nothing
VERDICTS = {"success": "passed", "failed": "failed"}  # for a session that did not run, nox's own word is kept


def note(
    session: str, tested: Iterable[str], installed: Mapping[str, str], apart: Mapping[str, str] | None = None
) -> None:
    """Record what a session tests, with which versions, and what was exchanged because a range excludes it."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    record = {"tested": sorted(tested), "installed": dict(sorted(installed.items())), "apart": dict(apart or {})}
    (RECORDS / f"{session}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def collect(report: Mapping[str, Any], records: pathlib.Path = RECORDS, today: str | None = None) -> dict[str, Any]:
    """Combine the report of ``nox --report`` with the records of the sessions.

    Returns:
        ``cells``, one for each session and each distribution that it tested, with package, version, session, verdict,
        seconds, ``beside`` (the versions of our other distributions) and ``with`` (those of everything else);
        ``sessions``, each with its verdict and seconds; the date, Python, the platform, and the overall verdict.
    """
    sessions, cells = [], []
    for ran in report["sessions"]:
        name = next(iter(ran["signatures"]), ran["name"])
        verdict = VERDICTS.get(ran["result"], ran["result"])
        summary = {"session": name, "verdict": verdict, "seconds": round(ran.get("duration") or 0, 1)}
        file = records / f"{name}.json"
        noted = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else NOTHING
        sessions.append({**summary, "apart": noted["apart"]})
        cells += [
            {"package": package, **_versions(package, noted["installed"]), **summary} for package in noted["tested"]
        ]
    return {
        "date": today or datetime.datetime.now(datetime.UTC).date().isoformat(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "verdict": "passed" if all(session["verdict"] == "passed" for session in sessions) else "failed",
        "sessions": sessions,
        "cells": cells,
    }


def _versions(package: str, installed: Mapping[str, str]) -> dict[str, Any]:
    ours = {name: version for name, version in installed.items() if name in PROJECTS}
    return {
        "version": installed.get(package),
        "beside": {name: version for name, version in ours.items() if name != package},
        "with": {name: version for name, version in installed.items() if name not in PROJECTS},
    }
