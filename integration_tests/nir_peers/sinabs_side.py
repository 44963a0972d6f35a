"""Sinabs, run by its own interpreter: read a graph and run it, or write a graph and run the network."""

from __future__ import annotations

import sys

import nir
import numpy as np
import sinabs.layers as sl
import torch
from sinabs import nir as sinabs_nir


def read(graph: str, xs: np.ndarray) -> np.ndarray:
    loaded = nir.read(graph)
    for node in loaded.nodes.values():  # its importer asks for tensors
        for name in ("tau", "v_threshold", "v_leak", "r"):
            if hasattr(node, name):
                setattr(node, name, torch.as_tensor(getattr(node, name)))
    net = sinabs_nir.from_nir(loaded, batch_size=xs.shape[1])
    return _run(net, xs)


def write(graph: str, xs: np.ndarray) -> np.ndarray:
    torch.manual_seed(0)
    batch = xs.shape[1]
    net = torch.nn.Sequential(
        torch.nn.Linear(xs.shape[-1], 8),
        sl.IAFSqueeze(batch_size=batch, min_v_mem=None, spike_threshold=torch.tensor(1.0)),
        torch.nn.Linear(8, 4),
        sl.IAFSqueeze(batch_size=batch, min_v_mem=None, spike_threshold=torch.tensor(1.0)),
    )
    for layer in (net[0], net[2]):
        layer.weight.data.abs_().mul_(0.3)
        layer.bias.data.zero_()
    out = _run(net, xs)
    nir.write(graph, sinabs_nir.to_nir(net, torch.from_numpy(xs[0])))
    return out


def _run(net: torch.nn.Module, xs: np.ndarray) -> np.ndarray:
    steps, batch = xs.shape[:2]
    together = torch.from_numpy(xs).transpose(0, 1).flatten(0, 1)  # batch first, then time
    with torch.no_grad():
        out = net(together)
    out = out[0] if isinstance(out, tuple) else out
    return out.unflatten(0, (batch, steps)).transpose(0, 1).numpy()


if __name__ == "__main__":
    what, graph, inputs, outputs, _ = sys.argv[1:]
    xs = np.load(inputs)
    np.save(outputs, read(graph, xs) if what == "read" else write(graph, xs))
