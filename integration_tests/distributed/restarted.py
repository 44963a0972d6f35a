"""Run by ``torchrun`` in every process: trains on a stream, and can be killed at any batch without losing one.

``restarted.py FOLDER DIE`` continues from the checkpoint in FOLDER, if there is one; process 1 kills itself before
batch DIE of its first life (-1: never). The net goes through one long recording, with the gradient cut between
stretches, so that what the neurons keep is a part of the checkpoint.
"""

from __future__ import annotations

import os
import pathlib
import signal
import sys
from typing import Any

import torch
import torch.distributed as dist
from nets import OverTime, build, loss, sequence
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import snn_core as snn

BATCHES = 8


def neurons(net: nn.Module) -> dict[str, snn.SpikingNeuron]:
    """The neurons of a net by path."""
    return {path: m for path, m in net.named_modules() if isinstance(m, snn.SpikingNeuron)}


def kept_states(net: nn.Module) -> dict[str, dict[str, torch.Tensor]]:
    """Return what every neuron keeps, by path and name."""
    return {path: {n: getattr(m, n) for n in m.State._fields} for path, m in neurons(net).items()}


def save(file: pathlib.Path, **what: Any) -> None:
    """Write a checkpoint that is there whole or not at all."""
    part = file.with_suffix(".part")
    torch.save(what, part)
    part.replace(file)


def main() -> None:
    folder, die = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    file = folder / f"rank{rank}.pt"
    net = DistributedDataParallel(OverTime(nn.Sequential(nn.Dropout(0.2), *build()), resume=True))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    torch.manual_seed(rank)
    start = 0
    if file.exists():
        saved = torch.load(file)
        start = saved["batch"]
        net.load_state_dict(saved["net"])
        optimizer.load_state_dict(saved["optimizer"])
        torch.set_rng_state(saved["random"])
        for path, states in saved["kept"].items():
            for name, value in states.items():
                setattr(neurons(net)[path], name, value)
    for batch in range(start, BATCHES):
        if rank == 1 and batch == die and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
            os.kill(os.getpid(), signal.SIGKILL)
        snn.utils.detach(net)
        optimizer.zero_grad()
        loss(net(sequence(seed=batch).split(2, dim=1)[rank])).backward()
        optimizer.step()
        dist.barrier()  # no process is ahead of a checkpoint that another one lacks
        save(
            file,
            batch=batch + 1,
            net=net.state_dict(),
            optimizer=optimizer.state_dict(),
            random=torch.get_rng_state(),
            kept=kept_states(net),
            life=int(os.environ["TORCHELASTIC_RESTART_COUNT"]),
        )
        if rank == 0:
            with (folder / "log").open("a", encoding="utf-8") as log:
                log.write(f"{batch}\n")
        dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
