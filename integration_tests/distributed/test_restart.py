"""A training run whose process is killed goes on from its checkpoint, to the last bit as if nothing had happened."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import torch

from .launch import torchrun

pytestmark = [pytest.mark.needs("snn-core"), pytest.mark.exhaustive]

KILLED_BEFORE = 5


def trained(folder: pathlib.Path, die: int) -> tuple[list[dict[str, Any]], list[int]]:
    """The last checkpoint of both processes, and the batches that were trained on."""
    folder.mkdir()
    torchrun("restarted.py", folder, die, restarts=1)
    batches = (folder / "log").read_text(encoding="utf-8").split()
    return [torch.load(folder / f"rank{rank}.pt") for rank in (0, 1)], [int(batch) for batch in batches]


def test_a_killed_run_ends_where_a_whole_one_does(tmp_path):
    # one test of many facts: the runs take half a minute, and would be repeated in each process of parallel tests
    whole, batches = trained(tmp_path / "whole", die=-1)
    killed, batches_of_killed = trained(tmp_path / "killed", die=KILLED_BEFORE)
    assert batches == batches_of_killed == list(range(8)), "a batch is lost, or trained on twice"
    assert [[saved["life"] for saved in run] for run in (whole, killed)] == [[0, 0], [1, 1]]
    for part in ("net", "optimizer", "random", "kept"):
        for uninterrupted, restarted in zip(whole, killed, strict=True):
            torch.testing.assert_close(restarted[part], uninterrupted[part], rtol=0, atol=0)
    first, second = killed
    torch.testing.assert_close(first["net"], second["net"], rtol=0, atol=0)
    for path, states in first["kept"].items():
        for name, state in states.items():
            assert not torch.equal(state, second["kept"][path][name]), "both processes hold the same states"
