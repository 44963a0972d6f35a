"""The paths of the other frameworks' interpreters."""

from __future__ import annotations

import os
import pathlib
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

HERE = pathlib.Path(__file__).parent


@pytest.fixture
def peer(tmp_path: pathlib.Path) -> Callable[..., Any]:
    """Calls a framework in its own environment, which ``NIR_PEERS`` names: ``norse=/path/to/python,...``.

    ``peer(name, "read", graph, xs, dt)`` gives what it makes of a graph, ``peer(name, "write", graph, xs)`` lets it
    write one; both give its output, ``[T, batch, ...]``, or the last line of its error.
    """
    interpreters = dict(entry.split("=", 1) for entry in os.environ["NIR_PEERS"].split(","))

    def call(name: str, what: str, graph: pathlib.Path, xs: np.ndarray, dt: float = 1e-4) -> Any:
        inputs, outputs = tmp_path / "inputs.npy", tmp_path / "outputs.npy"
        np.save(inputs, xs)
        command = [interpreters[name], str(HERE / f"{name}_side.py"), what, *map(str, (graph, inputs, outputs, dt))]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        return np.load(outputs) if process.returncode == 0 else process.stderr.strip().splitlines()[-1]

    return call
