"""Measure each net with NeuroBench, with the neurons of either library."""

from __future__ import annotations

import functools
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

SIDE = pathlib.Path(__file__).with_name("side.py")
Results = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Results]:
    """Measures every net once a library, each library in a process of its own: ``results("snn")["leaky"]``.

    The peer comes first, whose weights ours load.
    """
    folder = tmp_path_factory.mktemp("results")

    @functools.cache
    def complaint(library: str) -> str:
        command = [sys.executable, "-W", "error", str(SIDE), library, str(folder / library)]
        process = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
        return process.stderr if process.returncode else ""

    def measured(library: str) -> Results:
        assert not complaint("snntorch"), complaint("snntorch")
        assert not complaint(library), complaint(library)
        return json.loads((folder / library).read_text(encoding="utf-8"))

    return measured


@pytest.fixture
def own_results(results: Callable[[str], Results]) -> Results:
    return results("snn")


@pytest.fixture
def aliased(results: Callable[[str], Results]) -> Results:
    return results("alias")


@pytest.fixture
def peer_results(results: Callable[[str], Results]) -> Results:
    return results("snntorch")
