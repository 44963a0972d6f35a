"""Norse, run by its own interpreter: read a graph and run it, or write a graph and run the network."""

from __future__ import annotations

import sys

import nir
import norse.torch as norse
import numpy as np
import torch

DT = 1e-3


def read(graph: str, xs: np.ndarray, dt: float) -> np.ndarray:
    return _run(norse.from_nir(nir.read(graph), dt=dt), xs)


def write(graph: str, xs: np.ndarray) -> np.ndarray:
    torch.manual_seed(0)
    features = xs.shape[-1]
    unit = torch.ones(4)
    parameters = norse.LIFBoxParameters(tau_mem_inv=100 * unit, v_th=0.4 * unit, v_leak=0 * unit)
    net = norse.SequentialState(torch.nn.Linear(features, 4), norse.LIFBoxCell(parameters, dt=DT))
    nir.write(graph, norse.to_nir(net, torch.zeros(features), dt=DT))
    return _run(net, xs)


def _run(net: torch.nn.Module, xs: np.ndarray) -> np.ndarray:
    state, out = None, []
    with torch.no_grad():
        for x in torch.from_numpy(xs):
            y, state = net(x, state)
            out.append(y.numpy())
    return np.stack(out)


if __name__ == "__main__":
    what, graph, inputs, outputs, dt = sys.argv[1:]
    xs = np.load(inputs)
    np.save(outputs, read(graph, xs, float(dt)) if what == "read" else write(graph, xs))
