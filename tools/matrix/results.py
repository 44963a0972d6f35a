"""Results of the matrix's sessions, as one file for programs: ``dist/matrix.json``."""

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
NOTHING: dict[str, Any] = {"tested": [], "installed": {}, "apart": {}}  # of a session that noted nothing
VERDICTS = {"success": "passed", "failed": "failed"}  # of a session; what never ran is called by nox's own word


def note(
    session: str, tested: Iterable[str], installed: Mapping[str, str], apart: Mapping[str, str] | None = None
) -> None:
    """Note what a session tests, beside which versions, and what was exchanged for a range that excludes it."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    record = {"tested": sorted(tested), "installed": dict(sorted(installed.items())), "apart": dict(apart or {})}
    (RECORDS / f"{session}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def collect(report: Mapping[str, Any], records: pathlib.Path = RECORDS, today: str | None = None) -> dict[str, Any]:
    """Join what ``nox --report`` wrote with what the sessions noted.

    Returns:
        ``cells``, one for each session and each distribution that it tested: package, version, session, verdict,
        seconds, ``beside`` (versions of our other distributions) and ``with`` (of everything else); ``sessions``, all
        of them with verdict and seconds; date, Python, platform, and the verdict over all.
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
