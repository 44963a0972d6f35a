"""Spyx: a scan over the steps, compiled by JAX as a whole."""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import spyx.axn
import spyx.nn
from flax import nnx

from bench.data import Arrays
from bench.workloads import Workload


def make(workload: Workload, arrays: Arrays) -> _Trial:
    """Make the compiled workload; each layer's spikes come a step late, and the reset carries a gradient."""
    return _Trial(workload, arrays)


class _Trial:
    """Forward, and forward with backward, as two compiled functions; the backward time is the difference."""

    def __init__(self, workload: Workload, arrays: Arrays) -> None:
        model = spyx.nn.Sequential(*_layers(workload, arrays))
        # The neurons' decays stay fixed, as everywhere.
        graph, fixed, learned = nnx.split(model, nnx.PathContains("beta"), ...)
        self._by_input = workload.kind == "neuron"
        self._images = workload.kind == "conv"
        xs = np.moveaxis(arrays["xs"], 2, -1) if self._images else arrays["xs"]  # channels last
        self._primals = (learned, jnp.asarray(xs))
        self._upstream = jnp.asarray(arrays["upstream"])

        def forward(weights: Any, xs: Any) -> Any:
            return spyx.nn.run(nnx.merge(graph, fixed, weights), xs)[0]

        def both(weights: Any, xs: Any, upstream: Any) -> Any:
            if self._by_input:
                out, back = jax.vjp(lambda x: forward(weights, x), xs)
            else:
                out, back = jax.vjp(lambda w: forward(w, xs), weights)
            return out, back(upstream)[0]

        self._forward = jax.jit(forward).lower(*self._primals).compile()
        self._both = jax.jit(both).lower(*self._primals, self._upstream).compile()

    def train(self) -> tuple[float, float]:
        start = time.perf_counter()
        jax.block_until_ready(self._both(*self._primals, self._upstream))
        total = time.perf_counter() - start
        forward = min(self.infer(), total)
        return forward, total - forward

    def infer(self) -> float:
        start = time.perf_counter()
        jax.block_until_ready(self._forward(*self._primals))
        return time.perf_counter() - start

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        out, back = self._both(*self._primals, self._upstream)
        gradient = np.asarray(back if self._by_input else jax.tree.leaves(back)[0])
        return np.asarray(out) > 0, gradient


def _layers(workload: Workload, arrays: Arrays) -> list[Any]:
    rngs = nnx.Rngs(0)
    options: dict[str, Any] = {"beta": workload.beta, "activation": spyx.axn.custom(_arc_tangent), "rngs": rngs}

    def lif(*size: int) -> Any:
        return spyx.nn.LIF(size, **options)

    def linear(kernel: np.ndarray) -> Any:
        layer = nnx.Linear(*kernel.shape, rngs=rngs)
        layer.kernel[...] = jnp.asarray(kernel)
        return layer

    weights = [arrays[name] for name in sorted(arrays) if name.startswith("w")]
    if workload.kind == "neuron":
        return [lif(workload.out)]
    if workload.kind == "conv":
        layers: list[Any] = []
        for weight, side in zip(weights[:2], (12, 4), strict=True):
            layers += [_conv(weight, rngs), _pool, lif(side, side, weight.shape[0])]
        # with channels last, flattening puts the columns of the weights in another order
        last = weights[2].reshape(-1, 16, 4, 4).transpose(2, 3, 1, 0).reshape(256, -1)
        return [*layers, spyx.nn.Flatten(), linear(last), lif(workload.out)]
    if workload.kind == "recurrent":
        first, feedback, last = weights
        recurrent = spyx.nn.RLIF((first.shape[0],), **options)
        recurrent.recurrent_w[...] = jnp.asarray(feedback.T)
        return [linear(first.T), recurrent, linear(last.T), lif(workload.out)]
    return [layer for weight in weights for layer in (linear(weight.T), lif(weight.shape[0]))]


def _conv(weight: np.ndarray, rngs: Any) -> Any:
    out, into, height, width = weight.shape
    layer = nnx.Conv(into, out, (height, width), padding="VALID", rngs=rngs)
    layer.kernel[...] = jnp.asarray(weight.transpose(2, 3, 1, 0))
    return layer


def _pool(x: Any) -> Any:
    return nnx.max_pool(x, (2, 2), (2, 2))


def _arc_tangent(x: Any) -> Any:
    return 1 / (1 + (jnp.pi * x) ** 2)
