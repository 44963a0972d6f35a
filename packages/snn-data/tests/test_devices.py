"""Data are made on the CPU, whatever the default device is, and batches where their samples are."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

import snn_data

X, Y = torch.arange(36.0).reshape(12, 3), torch.arange(12) % 3
LENGTHS = torch.tensor([5, 2, 7, 7, 1, 3, 4])
EVENTS = {"t": torch.tensor([0, 3, 4]), "x": torch.tensor([1, 0, 1]), "p": torch.tensor([0, 0, 0])}
SAMPLES = [(torch.ones(3, 2), 1), (torch.ones(5, 2), 2)]
CALLS = {
    "stratified_split": lambda: snn_data.stratified_split(Y, 0.25),
    "group_split": lambda: snn_data.group_split(Y, 0.3),
    "seeded_split": lambda: snn_data.seeded_split(7, 0.3),
    "LengthBatches": lambda: list(snn_data.LengthBatches(LENGTHS, 2)),
    "LengthBatches unshuffled": lambda: list(snn_data.LengthBatches(LENGTHS.tolist(), 2, shuffle=False)),
    "collate": lambda: snn_data.collate(SAMPLES),
    "collate of lists": lambda: snn_data.collate([([1.0, 2.0], [1]), ([3.0], [0])]),
    "LabelledSequences": lambda: snn_data.LabelledSequences([x for x, _ in SAMPLES], torch.tensor([1, 2])).lengths,
    "data_subset": lambda: snn_data.data_subset(snn_data.LabelledTensors(X, Y), 2).data,
    "digits": lambda: [part[0] for part in snn_data.digits()],
    "yin_yang": lambda: [part[:] for part in snn_data.yin_yang(7, 5, 3)],
    "cue_accumulation": lambda: [part[:] for part in snn_data.cue_accumulation(3, 2, 1, cues=1)],
    "store_recall": lambda: [part[:] for part in snn_data.store_recall(3, 2, 1, steps=5)],
    "augmented": lambda: snn_data.augmented([(X, 1)], lambda x, g: x + torch.rand(3, generator=g, device="cpu"))[0],
    "events_to_frames": lambda: snn_data.events_to_frames(EVENTS, (2, 1, 1), dt=2),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_default_device_does_not_matter(name: str) -> None:
    expected = tree_leaves(CALLS[name]())
    with torch.device("meta"):
        result = tree_leaves(CALLS[name]())
    for own, other in zip(result, expected, strict=True):
        if isinstance(other, Tensor):
            assert own.device.type == "cpu"
            assert torch.equal(own, other)
        else:
            assert own == other


def test_a_batch_is_where_its_samples_are_and_their_lengths_on_the_cpu() -> None:
    batch = snn_data.collate([(x.to("meta"), torch.tensor(y, device="meta")) for x, y in SAMPLES])
    assert {batch.data.device.type, batch.targets.device.type, batch.mask.device.type} == {"meta"}
    assert batch.lengths.tolist() == [3, 5]
