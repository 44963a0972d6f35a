"""A training run whose process is killed goes on from its checkpoint, to the last bit as if nothing had happened."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import torch

from .launch import torchrun

pytestmark = pytest.mark.needs("snn-core")

KILLED_BEFORE = 5


def trained(folder: pathlib.Path, die: int) -> tuple[list[dict[str, Any]], list[int]]:
    """The last checkpoint of both processes, and the batches that were trained on."""
    torchrun("restarted.py", folder, die, restarts=1)
    batches = (folder / "log").read_text(encoding="utf-8").split()
    return [torch.load(folder / f"rank{rank}.pt") for rank in (0, 1)], [int(batch) for batch in batches]


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Any]:
    """A run that nothing interrupts, and one of which process 1 is killed."""
    return {
        name: trained(tmp_path_factory.mktemp("run"), die) for name, die in (("whole", -1), ("killed", KILLED_BEFORE))
    }


def test_no_batch_is_lost_and_none_trained_on_twice(runs):
    for _, batches in runs.values():
        assert batches == list(range(8))
    assert [[saved["life"] for saved in runs[name][0]] for name in ("whole", "killed")] == [[0, 0], [1, 1]]


@pytest.mark.parametrize("part", ["net", "optimizer", "random", "kept"])
def test_a_killed_run_ends_where_a_whole_one_does(runs, part: str):
    for whole, killed in zip(runs["whole"][0], runs["killed"][0], strict=True):
        torch.testing.assert_close(killed[part], whole[part], rtol=0, atol=0)


def test_both_processes_hold_one_net_and_states_of_their_own(runs):
    first, second = runs["killed"][0]
    torch.testing.assert_close(first["net"], second["net"], rtol=0, atol=0)
    for path, states in first["kept"].items():
        for name, state in states.items():
            assert not torch.equal(state, second["kept"][path][name])
