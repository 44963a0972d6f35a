"""Epochs by the library's own functions, and parts of data sets."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from .both import louder, same, weights

STEPS, CLASSES = 6, 3


class Digits(Dataset):
    """A data set with ``data`` and ``targets``, as torchvision's."""

    def __init__(self, size: int = 40) -> None:
        self.data = torch.arange(size * 4).reshape(size, 2, 2)
        self.targets = torch.arange(size) % CLASSES

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.data[index], self.targets[index]


def net_of(snn: Any) -> nn.Module:
    options = {"beta": 0.8, "init_hidden": True, "spike_grad": snn.surrogate.fast_sigmoid(slope=10)}
    return louder(
        nn.Sequential(
            nn.Flatten(),
            nn.Linear(12, 8),
            snn.Leaky(**options),
            nn.Linear(8, CLASSES),
            snn.Leaky(**options, output=True),
        )
    )


@pytest.mark.parametrize("criterion", ["mse_count_loss", "ce_rate_loss"])
@pytest.mark.parametrize(("epoch", "options"), [("BPTT", {}), ("TBPTT", {"K": 2})])
def test_an_epoch_over_images_that_stand_still(epoch: str, options: dict[str, Any], criterion: str) -> None:
    def program(snn: Any) -> dict[str, Any]:
        net = net_of(snn)
        batches = DataLoader(TensorDataset(torch.rand(12, 1, 3, 4), torch.arange(12) % CLASSES), batch_size=4)
        optimizer = torch.optim.Adam(net.parameters(), lr=2e-3, betas=(0.9, 0.999))
        train = getattr(snn.backprop, epoch)
        still = {"num_steps": STEPS, "time_var": False, "device": "cpu", **options}
        loss_fn = getattr(snn.functional, criterion)()
        losses = [train(net, batches, optimizer=optimizer, criterion=loss_fn, **still) for _ in range(2)]
        return {"losses": [torch.as_tensor(loss).item() for loss in losses], **dict(weights(net))}

    same(program)


def test_an_epoch_over_sequences_with_a_penalty_on_spikes() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net = net_of(snn)
        batches = [(torch.rand(STEPS, 4, 12), torch.arange(4) % CLASSES) for _ in range(3)]
        loss = snn.backprop.BPTT(
            net,
            batches,
            torch.optim.SGD(net.parameters(), lr=0.1),
            snn.functional.ce_count_loss(),
            time_var=True,
            regularization=snn.functional.l1_rate_sparsity(1e-3),
        )
        return {"loss": loss, **dict(weights(net))}

    same(program)


@pytest.mark.parametrize("idx", [0, 2])
def test_a_tenth_of_a_data_set(idx: int) -> None:
    def program(snn: Any) -> dict[str, Any]:
        data = snn.utils.data_subset(Digits(), subset=10, idx=idx)
        return {"length": len(data), "data": data.data, "targets": data.targets}

    same(program)


def test_a_part_of_the_training_data_is_kept_for_validation() -> None:
    def program(snn: Any) -> dict[str, Any]:
        train, valid = snn.utils.valid_split(Digits(), Digits(), split=0.3, seed=7)
        return {"data": [train.data, valid.data], "targets": [train.targets, valid.targets]}

    same(program)
