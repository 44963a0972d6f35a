"""Five hundred damaged files: each is read or refused, none crashes, hangs or costs much."""

from __future__ import annotations

import io
from pathlib import Path

import nir
import numpy as np
import pytest

from snn_nir.files.writing import write

from .measured import cost
from .whole_graphs import every_primitive

pytestmark = pytest.mark.exhaustive


def stored(graph: nir.NIRGraph) -> bytes:
    file = io.BytesIO()
    write(graph, file)
    return file.getvalue()


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes changed, a stretch cut, repeated or zeroed, or the end lost."""
    data = bytearray(content)
    start = int(rng.integers(len(data)))
    length = int(rng.integers(1, 64))
    kind = rng.integers(6)
    if kind == 0:
        for place in rng.integers(len(data), size=int(rng.integers(1, 40))):
            data[place] = int(rng.integers(256))
    elif kind == 1:
        data[start : start + 8] = [b"\xff" * 8, b"\0" * 8, (2**40).to_bytes(8, "little")][int(rng.integers(3))]
    elif kind == 2:
        del data[start : start + length]
    elif kind == 3:
        data[start:start] = data[start : start + length]
    elif kind == 4:
        data[start : start + length] = bytes(length)
    else:
        del data[start:]
    return bytes(data)


def test_five_hundred_mutations(tmp_path: Path):
    rng = np.random.default_rng(20)
    contents = [stored(graph) for graph in every_primitive()]
    paths = []
    for number in range(500):
        path = tmp_path / f"{number}.nir"
        path.write_bytes(mutated(contents[number % len(contents)], rng))
        paths.append(path)
    costs = [hazard for start in range(0, 500, 100) for hazard in cost(*paths[start : start + 100], timeout=120)]
    assert len(costs) == 500
    refused = [hazard.code for hazard in costs if hazard.code]
    assert len(refused) > 100
    assert {code[:4] for code in refused} <= {"NIR1", "NIR2"}
    assert max(hazard.effort for hazard in costs) < 1
    assert max(hazard.mebibytes for hazard in costs) < 200
