"""The workflows run sessions that there are, and publish without a password."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import yaml

from workspace import ROOT

PUSH = ROOT / ".ci" / "run"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.fixture(scope="module")
def sessions() -> set[str]:
    command = [sys.executable, "-m", "nox", "-f", str(ROOT / "noxfile.py"), "-l"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {
        name for line in re.findall(r"^[*-] (\S+)", listed, re.MULTILINE) for name in (line, line.partition("(")[0])
    }


def commands(job: dict) -> str:
    """All commands of a job, once for each value of its matrix."""
    text = "\n".join(step.get("run", "") for step in job["steps"])
    for name, values in job.get("strategy", {}).get("matrix", {}).items():
        text = "\n".join(text.replace(f"${{{{ matrix.{name} }}}}", value) for value in values)
    return text


def sessions_named(text: str) -> set[str]:
    """The sessions that nox is asked for, but not those of a name that the workflow computes."""
    words = " ".join(re.findall(r"nox (?:-P \S+ )?-s((?: \"[^\"]+\"| \w\S*)+)", text))
    names = {quoted or plain for quoted, plain in re.findall(r"\"([^\"]+)\"|(\S+)", words)}
    return {name for name in names if "${{" not in name}


def test_a_push_runs_the_command_of_the_readme_and_existing_sessions(sessions: set[str]):
    text = PUSH.read_text(encoding="utf-8")
    named = sessions_named(text)
    assert {"tests", "alone(snn-core)", "native", "exhaustive"} <= named <= sessions
    (command,) = re.findall(r"^python3 .* -s tests$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert f"\n{command}\n" in text


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_runs_existing_sessions(file, sessions: set[str]):
    read = yaml.safe_load(file.read_text(encoding="utf-8"))
    names = {name for job in read["jobs"].values() for name in sessions_named(commands(job))}
    assert names
    assert names <= sessions
    assert read["permissions"] == {"contents": "read"}


def test_only_the_job_that_publishes_may_ask_for_a_token_and_it_has_no_secret():
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    assert [name for name, job in jobs.items() if "id-token" in job.get("permissions", {})] == ["publish"]
    assert jobs["publish"]["environment"] == "pypi"
    assert "secrets." not in text
