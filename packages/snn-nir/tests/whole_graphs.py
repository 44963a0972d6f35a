"""Graphs for the tests of files: every primitive, nested, recurrent, with metadata."""

from __future__ import annotations

from itertools import pairwise

import nir
import numpy as np


def chain(*nodes: nir.NIRNode, shape: tuple[int, ...], metadata: dict | None = None) -> nir.NIRGraph:
    """Input -> nodes -> Output, without what nir infers."""
    names = [f"{type(node).__name__.lower()}_{number}" for number, node in enumerate(nodes)]
    order = ["input", *names, "output"]
    table = {"input": nir.Input(np.array(shape)), **dict(zip(names, nodes, strict=True)), "output": nir.Output(None)}
    return nir.NIRGraph(table, list(pairwise(order)), metadata=metadata or {}, type_check=False)


def neurons(size: int = 3, dtype: str = "float32", *, v_reset: float = 0.0) -> list[nir.NIRNode]:
    rng = np.random.default_rng(size)

    def values(low: float = 0.5, high: float = 2.0) -> np.ndarray:
        return rng.uniform(low, high, size).astype(dtype)

    reset = np.full(size, v_reset, dtype)
    membrane = {"r": values(), "v_leak": values(-0.1, 0.1)}
    return [
        nir.Scale(values()),
        nir.Threshold(values()),
        nir.Delay(values()),
        nir.I(values()),
        nir.IF(values(), values(), v_reset=reset),
        nir.LI(tau=values(), **membrane),
        nir.LIF(tau=values(), v_threshold=values(), v_reset=reset, **membrane),
        nir.CubaLI(tau_syn=values(), tau_mem=values(), w_in=values(), **membrane),
        nir.CubaLIF(tau_syn=values(), tau_mem=values(), w_in=values(), v_threshold=values(), v_reset=reset, **membrane),
    ]


def convolutional() -> nir.NIRGraph:
    """A depthwise convolution with a kernel that is not square, both pools, Flatten and an Affine."""
    rng = np.random.default_rng(7)
    return chain(
        nir.Conv2d(None, rng.normal(size=(4, 1, 5, 3)), (1, 2), (2, 1), (1, 1), 2, rng.normal(size=4)),
        nir.SumPool2d(np.array([2, 1]), np.array([2, 1]), np.array([1, 0])),
        nir.AvgPool2d(np.array([1, 2]), np.array([1, 2]), np.array([0, 0])),
        nir.Flatten({"input": None}, start_dim=0),
        nir.Affine(rng.normal(size=(3, 40)), rng.normal(size=3)),
        shape=(2, 8, 8),
    )


def recurrent(*, nested: bool = False) -> nir.NIRGraph:
    """A layer of CubaLIF with recurrent weights, flat or as a graph within the graph."""
    rng = np.random.default_rng(5)
    cuba, w_rec = neurons(3)[-1], nir.Affine(rng.normal(size=(3, 3)), rng.normal(size=3))
    loop = [("lif", "w_rec"), ("w_rec", "lif")]
    if not nested:
        nodes = {"input": nir.Input(np.array([3])), "lif": cuba, "w_rec": w_rec, "output": nir.Output(np.array([3]))}
        return nir.NIRGraph(nodes, [("input", "lif"), *loop, ("lif", "output")])
    inner = {"in": nir.Input(np.array([3])), "lif": cuba, "w_rec": w_rec, "out": nir.Output(np.array([3]))}
    layer = nir.NIRGraph(inner, [("in", "lif"), *loop, ("lif", "out")], metadata={"kind": "recurrent"})
    nodes = {"input": nir.Input(np.array([3])), "layer": layer, "output": nir.Output(np.array([3]))}
    return nir.NIRGraph(nodes, [("input", "layer"), ("layer", "output")])


def every_primitive() -> list[nir.NIRGraph]:
    """Graphs that hold each of the 18 primitives, in both precisions."""
    rng = np.random.default_rng(3)
    conv1d = nir.Conv1d(None, rng.normal(size=(2, 3, 2)), 2, "valid", 1, 1, rng.normal(size=2))
    return [
        chain(*neurons(3), shape=(3,)),
        chain(*neurons(3, "float64", v_reset=-0.25), nir.Linear(rng.normal(size=(2, 3))), shape=(3,)),
        chain(conv1d, shape=(3, 9)),
        convolutional(),
        recurrent(),
        recurrent(nested=True),
    ]
