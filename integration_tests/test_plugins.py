"""The pytest plugins of the sessions: a skip fails, the garbage collector passes tests by, and numbers repeat."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from workspace import ROOT

CASES = {
    "mark": "@pytest.mark.skip(reason='not today')\ndef test_it(): pass",
    "call": "def test_it(): pytest.skip('not today')",
    "fixture": "@pytest.fixture\ndef it(): pytest.skip('not today')\ndef test_it(it): pass",
    "module": "pytest.importorskip('a_module_that_nobody_has', reason='not today')\ndef test_it(): pass",
    "expected failure": "@pytest.mark.xfail(reason='not today')\ndef test_it(): assert False",
    "unexpected pass": "@pytest.mark.xfail(reason='not today')\ndef test_it(): pass",
}


def run(folder, program: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with both plugins on a file of its own."""
    (folder / "test_case.py").write_text(f"import pytest\n{program}\n", encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    plugins = ("-p", "no_skips", "-p", "frozen_tests", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *plugins, *options, "test_case.py"]
    path = {**os.environ, "PYTHONPATH": str(ROOT / "tools")}
    return subprocess.run(command, cwd=folder, env=path, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("options", [(), ("-n", "2", "--dist", "worksteal")], ids=["one process", "several"])
@pytest.mark.parametrize("case", CASES)
def test_a_test_that_does_not_run_fails_and_says_why(case: str, options: tuple[str, ...], tmp_path):
    process = run(tmp_path, CASES[case], *options)
    assert process.returncode not in (0, 5)
    assert "not today" in process.stdout
    assert "make it run, or delete it" in process.stdout


def test_a_test_that_passes_passes(tmp_path):
    process = run(tmp_path, "def test_it(): pass")
    assert process.returncode == 0
    assert "1 passed" in process.stdout


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "several"])
def test_the_collector_looks_through_no_collected_test_but_frees_what_a_test_makes(options: tuple[str, ...], tmp_path):
    program = """
        import gc, weakref
        class Node: pass
        def test_it(request):
            assert not any(found is request.node for found in gc.get_objects())
            node = Node()
            node.itself, gone = node, weakref.ref(node)
            del node
            gc.collect()
            assert gone() is None
    """
    process = run(tmp_path, textwrap.dedent(program), *options)
    assert "1 passed" in process.stdout, process.stdout


def test_numbers_drawn_by_an_import_and_by_a_test_are_those_of_every_run(tmp_path):
    program = """
        import torch
        DRAWN = torch.rand(2)
        def test_it():
            expected = torch.rand(2, generator=torch.Generator().manual_seed(0))
            assert DRAWN.equal(expected)
            assert torch.rand(2).equal(expected)
    """
    process = run(tmp_path, textwrap.dedent(program), "-p", "repeatable")
    assert "1 passed" in process.stdout, process.stdout
