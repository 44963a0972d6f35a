"""Tests of which integration tests run where only some packages are installed."""

from __future__ import annotations

import ast
import os
import pathlib
import subprocess
import sys

import pytest

from matrix import needs
from workspace import PROJECTS, ROOT, module

FILES = sorted((ROOT / "integration_tests").rglob("test_*.py"))
PROGRAM = """
import pytest
{line}
def test_of_its_file(): pass
@pytest.mark.needs("snn-core")
def test_it_needs_more(): pass
"""


def imported(file: pathlib.Path) -> set[str]:
    """Distributions of ours that a file imports when it is collected."""
    distributions = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        distributions |= {name.partition(".")[0] for name in names}
    return {name for name in PROJECTS if module(name) in distributions}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_says_that_it_needs_whatever_it_imports(file: pathlib.Path):
    assert imported(file) <= needs.declared(file.read_text(encoding="utf-8"))


def test_a_file_that_says_nothing_needs_everything():
    assert needs.declared("def test_it(): pass") == PROJECTS.keys()


def test_a_name_that_is_not_one_of_our_distributions_is_an_error():
    with pytest.raises(ValueError, match=r"needs: \['snn-cor'\] are not among the distributions"):
        needs.declared('pytestmark = pytest.mark.needs("snn-cor")')


@pytest.mark.parametrize(
    ("there", "line", "run"),
    [
        (
            "snn-plot snn-core",
            'pytestmark = pytest.mark.needs("snn-plot")',
            ["test_of_its_file", "test_it_needs_more"],
        ),
        ("snn-plot", 'pytestmark = pytest.mark.needs("snn-plot")', ["test_of_its_file"]),
        ("snn-plot", 'pytestmark = [pytest.mark.needs("snn-plot")]', ["test_of_its_file"]),
        ("snn-core", 'pytestmark = pytest.mark.needs("snn-plot")\nimport a_module_that_is_not_there', []),
        ("snn-core snn-plot", "", []),
    ],
)
def test_only_files_whose_needs_are_installed_run(tmp_path: pathlib.Path, there: str, line: str, run: list[str]):
    (tmp_path / "integration_tests").mkdir()
    file = tmp_path / "integration_tests" / "test_case.py"
    file.write_text(PROGRAM.format(line=line), encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  needs: it\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text(
        "import pathlib\nfrom matrix import needs\n"
        f"needs._installed = lambda: frozenset({there.split()})\n"
        'needs.INTEGRATION = pathlib.Path(__file__).parent / "integration_tests"\n',
        encoding="utf-8",
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-v",
        "-p",
        "no:cacheprovider",
        "-p",
        "matrix.needs",
        "integration_tests",
    ]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "tools")}
    process = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert process.returncode == (0 if run else 5), process.stdout
    passed = [text.split("::")[1].split()[0] for text in process.stdout.splitlines() if text.rstrip().endswith("%]")]
    assert passed == run
    assert "skipped" not in process.stdout
