"""Each test that compiles nets does so for this machine and, where that is possible, to WebAssembly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from in_c.compiling import Compiler, Library
from in_c.in_node import MISSING, Node

WASM = pytest.param(
    "wasm", marks=[pytest.mark.exhaustive, pytest.mark.skipif(bool(MISSING), reason=f"{MISSING} is not installed")]
)


@pytest.fixture(scope="session", params=["host", WASM])
def compiler(request: pytest.FixtureRequest) -> Iterator[Compiler]:
    """Return what exports a net to a folder and compiles it there."""
    if request.param == "host":
        yield Library
        return
    with Node() as node:
        yield node.compiled
