"""SpikingJelly, run by its own interpreter: read a graph and run it, or write a graph and run the network."""

from __future__ import annotations

import sys

import numpy as np
import torch
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.nir_exchange import export_to_nir, import_from_nir


def read(graph: str, xs: np.ndarray, dt: float) -> np.ndarray:
    net, state, out = import_from_nir(graph, dt=dt), None, []
    with torch.no_grad():
        for x in torch.from_numpy(xs):
            y, state = net(x, state)
            out.append(y.numpy())
    return np.stack(out)


def write(graph: str, xs: np.ndarray) -> np.ndarray:
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        layer.Linear(xs.shape[-1], 8),
        neuron.LIFNode(tau=3.0, decay_input=False, v_threshold=0.7, v_reset=0.0),
        layer.Linear(8, 4),
        neuron.CUBALIFNode(c_decay=0.5, v_decay=0.8, v_threshold=0.6, v_reset=0.0),
    )
    export_to_nir(net, torch.from_numpy(xs[0]), graph, dt=1e-4)
    functional.reset_net(net)
    with torch.no_grad():
        return np.stack([net(x).numpy() for x in torch.from_numpy(xs)])


if __name__ == "__main__":
    what, graph, inputs, outputs, dt = sys.argv[1:]
    xs = np.load(inputs)
    np.save(outputs, read(graph, xs, float(dt)) if what == "read" else write(graph, xs))
