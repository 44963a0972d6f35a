"""Two processes get the gradients that one gets for the whole batch, and never see each other's states."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import snn_core as snn

from .launch import torchrun
from .nets import alone, build, sequence

pytestmark = [pytest.mark.needs("snn-core"), pytest.mark.exhaustive]

WHOLE_BATCH = (
    "DDP",
    "DDP, chunk=2",
    "DDP, step by step",
    "DDP inside of unroll",
    "DDP, a loop over steps",
    "FSDP2",
    "FSDP2, layer by layer",
)


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict[str, Any]:
    """Return what process 0 of two saved."""
    file = tmp_path_factory.mktemp("distributed") / "found.pt"
    torchrun("data_parallel.py", file)
    return torch.load(file)


def same(result: list[torch.Tensor], expected: list[torch.Tensor]) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-12)


def test_the_batch_makes_every_parameter_learn():
    assert all(g.abs().max() > 1e-3 for g in alone(sequence()))


@pytest.mark.parametrize("name", WHOLE_BATCH)
def test_two_processes_have_the_gradients_of_one(results, name: str):
    same(results[name], alone(sequence()))


def test_gradients_accumulate_without_an_exchange_until_the_last_batch(results):
    both = [a + b for a, b in zip(alone(sequence(seed=1)), alone(sequence(seed=2)), strict=True)]
    same(results["no_sync"], both)


def test_shares_of_unequal_size_weighed_by_it_give_the_gradient_of_the_whole(results):
    same(results["weighted"], alone(sequence(5)))


def test_a_process_that_has_no_batch_left_counts_as_one_without_gradient(results):
    first, second = results["Join"]
    same(first, alone(sequence(seed=1)))
    same(second, [g / 2 for g in alone(sequence(seed=2)[:, :2])])


def test_each_process_keeps_the_states_of_its_own_samples(results):
    net = build()
    snn.unroll(net, sequence(seed=1))
    expected = [net[i].mem.detach().split(2) for i in (1, 3)]
    for rank, states in enumerate(results["states"]["kept"]):
        same(states, [e[rank] for e in expected])
    assert not torch.equal(*(states[0] for states in results["states"]["kept"]))


def test_no_state_is_among_the_buffers_that_are_broadcast(results):
    assert {name.rpartition(".")[2] for name in results["states"]["buffers"]} == {
        "threshold",
        "graded_spikes_factor",
        "reset_mechanism_val",
    }


def test_torch_names_the_constant_that_needs_an_axis_to_be_sharded(results):
    assert "beta" in results["scalar"]
    assert "1D" in results["scalar"]
