"""Small graphs, one for each thing that simulators disagree about, with the edges that close their cycles."""

from __future__ import annotations

from typing import Any, NamedTuple

import nir
import numpy as np

DT = 1e-4
N = 5


class Case(NamedTuple):
    """A graph, its step in the unit of its time constants, and the edges that carry the value of the step before."""

    graph: nir.NIRGraph
    dt: float = DT
    late: tuple[tuple[str, str], ...] = ()


def full(value: float, n: Any = N) -> np.ndarray:
    return np.full(n, value)


def lif(n: Any = N, tau: Any = 2.5e-3, r: Any = 1.0, leak: Any = 0.0, thr: Any = 0.1, reset: Any = 0.0) -> nir.LIF:
    fields = (np.broadcast_to(np.asarray(v, float), n).copy() for v in (tau, r, leak, thr, reset))
    return nir.LIF(**dict(zip(("tau", "r", "v_leak", "v_threshold", "v_reset"), fields, strict=True)))


def cuba(
    kind: Any = nir.CubaLIF, n: Any = N, syn: float = 5e-4, mem: float = 1e-3, r: float = 1, w: float = 1, thr=1.0
):
    fields = {
        "tau_syn": full(syn, n),
        "tau_mem": full(mem, n),
        "r": full(r, n),
        "v_leak": full(0, n),
        "w_in": full(w, n),
    }
    return kind(**fields, **({"v_threshold": full(thr, n)} if kind is nir.CubaLIF else {}))


def chain(*nodes: nir.NIRNode, shape: Any = (3,)) -> nir.NIRGraph:
    named = {"input": nir.Input(np.array(shape)), **{f"n{i}": node for i, node in enumerate(nodes)}}
    named["output"] = nir.Output(None)
    return nir.NIRGraph(named, list(zip(list(named), list(named)[1:], strict=False)), type_check=False)


def spread(n: int = N, seed: int = 1, gain: float = 1.0) -> nir.Affine:
    rng = np.random.default_rng(seed)
    return nir.Affine(rng.normal(0.4, 1, (n, 3)) * gain, rng.normal(0.2, 0.3, n) * gain)


def recurrent(neuron: nir.NIRNode, n: int = N, gain: float = 1.0) -> nir.NIRGraph:
    rng = np.random.default_rng(2)
    w_rec = nir.Affine(rng.normal(-0.2, 1, (n, n)) * gain, rng.normal(0, 0.4, n) * gain)
    nodes = {"input": nir.Input(np.array([3])), "fc": spread(n, gain=gain), "lif": neuron, "w_rec": w_rec}
    nodes["output"] = nir.Output(np.array([n]))
    edges = [("input", "fc"), ("fc", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")]
    return nir.NIRGraph(nodes, edges, type_check=False)


def nested(flat: nir.NIRGraph) -> nir.NIRGraph:
    """The same with the neuron and its recurrent weights in a graph of their own."""
    shape = flat.nodes["lif"].output_type["output"]
    inner_nodes = {k: flat.nodes[k] for k in ("lif", "w_rec")}
    inner_nodes |= {"input": nir.Input(shape), "output": nir.Output(shape)}
    inner_edges = [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")]
    inner = nir.NIRGraph(inner_nodes, inner_edges, type_check=False)
    nodes = {**{k: flat.nodes[k] for k in ("input", "fc", "output")}, "rnn": inner}
    return nir.NIRGraph(nodes, [("input", "fc"), ("fc", "rnn"), ("rnn", "output")], type_check=False)


def convolutional(pool: Any) -> nir.NIRGraph:
    rng = np.random.default_rng(3)
    conv = nir.Conv2d((7, 6), rng.normal(0.1, 0.5, (4, 1, 3, 2)), 1, (1, 0), 1, 2, rng.normal(0, 0.2, 4))
    hidden = nir.IF(r=full(1.0, (4, 7, 5)), v_threshold=full(1.0, (4, 7, 5)))
    dense = nir.Affine(rng.normal(0.1, 0.4, (N, 4 * 4 * 3)), rng.normal(0, 0.2, N))
    layers = (conv, hidden, pool(np.array([2, 2]), np.array([2, 2]), np.array([1, 1])), nir.Flatten(None, 0, -1), dense)
    return chain(*layers, nir.IF(r=full(1.0), v_threshold=full(1.0)), shape=(2, 7, 6))


def cases() -> dict[str, Case]:
    """The sixteen graphs on which importers are compared."""
    rng = np.random.default_rng(0)
    tau = 1e-3
    closing = (("w_rec", "lif"),)
    current = {"r": tau / DT, "w": 5e-4 / DT}
    flat_cuba = recurrent(cuba(**current))
    return {
        "LIF": Case(chain(spread(), lif())),
        "LIF with r = tau / dt": Case(chain(spread(), lif(r=25.0, thr=1.0))),
        "LIF with a leak potential": Case(chain(spread(gain=0.1), lif(leak=0.3, thr=0.28))),
        "LIF with a reset potential": Case(chain(spread(), lif(reset=-0.1))),
        "LIF, each neuron another": Case(
            chain(spread(), lif(tau=rng.uniform(1e-3, 1e-2, N), thr=rng.uniform(0.05, 0.3, N)))
        ),
        "CubaLIF with r and w_in": Case(chain(spread(), cuba(**current))),
        "CubaLIF": Case(chain(spread(), cuba(thr=0.2))),
        "IF of one unit per step": Case(chain(spread(), nir.IF(r=full(1.0), v_threshold=full(1.0))), dt=1.0),
        "IF with r = 1 / dt": Case(chain(spread(), nir.IF(r=full(1 / DT), v_threshold=full(1.0)))),
        "LI": Case(chain(spread(), nir.LI(tau=full(2.5e-3), r=full(1.0), v_leak=full(0.1)))),
        "CubaLI": Case(chain(spread(), cuba(nir.CubaLI))),
        "convolution and SumPool": Case(convolutional(nir.SumPool2d), dt=1.0),
        "convolution and AvgPool": Case(convolutional(nir.AvgPool2d), dt=1.0),
        "recurrent LIF": Case(recurrent(lif(tau=tau, r=10.0, thr=1.0)), late=closing),
        "recurrent CubaLIF": Case(flat_cuba, late=closing),
        "recurrent CubaLIF, nested": Case(nested(flat_cuba), late=closing),
    }
