"""Run by ``torchrun`` in every process: trains by each kind of data parallelism and saves what process 0 got."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from nets import OverTime, alone, build, gradients, loss, sequence
from torch import Tensor, nn
from torch.distributed.algorithms.join import Join
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

import snn_core as snn


def share(xs: Tensor, sizes: tuple[int, ...] = (2, 2)) -> Tensor:
    """The samples of this process."""
    return xs.split(sizes, dim=1)[dist.get_rank()]


def replicated(**options: object) -> list[Tensor]:
    net = DistributedDataParallel(OverTime(build(), **options))
    loss(net(share(sequence()))).backward()
    return gradients(net)


def wrapped_net() -> list[Tensor]:
    """The wrapper inside of ``unroll``, which then calls it once a step."""
    net = DistributedDataParallel(build())
    loss(snn.unroll(net, share(sequence()))).backward()
    return gradients(net)


def step_loop() -> list[Tensor]:
    net = DistributedDataParallel(build())
    snn.utils.reset(net)
    loss(torch.stack([net(x) for x in share(sequence())])).backward()
    return gradients(net)


def sharded(by_layer: bool) -> list[Tensor]:
    net = OverTime(build())
    if by_layer:
        for layer in net.net:
            fully_shard(layer)
    fully_shard(net)
    loss(net(share(sequence()))).backward()
    return gradients(net)


def accumulated() -> list[Tensor]:
    """Two batches into one gradient, exchanged with the second."""
    net = DistributedDataParallel(OverTime(build()))
    with net.no_sync():
        loss(net(share(sequence(seed=1)))).backward()
    loss(net(share(sequence(seed=2)))).backward()
    return gradients(net)


def weighted() -> list[Tensor]:
    """Three samples here and two there: each process weighs its mean by the share that it has of the batch."""
    net, neuron = DistributedDataParallel(OverTime(build())), share(sequence(5), (3, 2))
    (loss(net(neuron)) * neuron.shape[1] * dist.get_world_size() / 5).backward()
    return gradients(net)


def joined() -> list[list[Tensor]]:
    """Process 0 has one batch more than process 1, which stands in for it with zeros."""
    net = DistributedDataParallel(OverTime(build()))
    shares = []
    with Join([net]):
        for seed in (1, 2)[: 2 - dist.get_rank()]:
            net.zero_grad()
            loss(net(share(sequence(seed=seed)))).backward()
            shares.append(gradients(net))
    return shares


def of_all(share: Tensor) -> list[Tensor]:
    """The tensor of every process, by rank."""
    shares = [torch.empty_like(share) for _ in range(dist.get_world_size())]
    dist.all_gather(shares, share)
    return shares


def states() -> dict[str, Any]:
    """Return what each process keeps after three batches, the second of other data, buffers broadcast each time."""
    net = DistributedDataParallel(OverTime(build()))
    for seed in (1, 2, 1):
        net(share(sequence(seed=seed)))
    by_neuron = [of_all(net.module.net[i].mem.detach()) for i in (1, 3)]
    by_process = [list(states) for states in zip(*by_neuron, strict=True)]
    return {"kept": by_process, "buffers": [name for name, _ in net.named_buffers()]}


CASES: dict[str, Callable[[], Any]] = {
    "DDP": replicated,
    "DDP, chunk=2": lambda: replicated(chunk=2),
    "DDP, step by step": lambda: replicated(schedule="steps"),
    "DDP inside of unroll": wrapped_net,
    "DDP, a loop over steps": step_loop,
    "FSDP2": lambda: sharded(by_layer=False),
    "FSDP2, layer by layer": lambda: sharded(by_layer=True),
    "no_sync": accumulated,
    "weighted": weighted,
    "Join": joined,
    "states": states,
}


def scalar_shard() -> str:
    """Return torch's message about a learned constant that has no axis."""
    try:
        fully_shard(nn.Sequential(snn.Leaky(beta=0.9, learn_beta=True)))
    except ValueError as error:
        return str(error)
    return ""


def main() -> None:
    dist.init_process_group("gloo")
    results = {name: case() for name, case in CASES.items()} | {"scalar": scalar_shard()}
    if dist.get_rank() == 0:
        results["alone"] = alone(sequence())
        torch.save(results, sys.argv[1])
    dist.barrier()  # one that ends long before the other is aborted now and then
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
