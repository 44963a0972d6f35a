"""A second implementation of NIR: float64, NumPy alone, one equation a line, no cleverness."""

from __future__ import annotations

from collections.abc import Collection

import nir
import numpy as np

State = dict[str, np.ndarray]


def simulate(
    graph: nir.NIRGraph,
    xs: np.ndarray | dict[str, np.ndarray],
    dt: float,
    method: str = "euler",
    late: Collection[tuple[str, str]] = (),
) -> dict[str, np.ndarray]:
    """Return the output of every node of a graph without nested graphs, ``[T, batch, ...]``.

    ``late`` are the edges that close a cycle: they carry the value of the step before, and in the first step what their
    source sends while all neurons are silent.
    """
    inputs = [name for name, node in graph.nodes.items() if isinstance(node, nir.Input)]
    samples = xs if isinstance(xs, dict) else {inputs[0]: xs}
    steps, batch = next(iter(samples.values())).shape[:2]
    states: dict[str, State] = {name: {} for name in graph.nodes}
    before: dict[str, np.ndarray] = {}
    sent: dict[str, list[np.ndarray]] = {name: [] for name in graph.nodes}
    for t in range(-1, steps):  # step -1 is the silence before the first step
        names = {source for source, _ in late} if t < 0 else set(graph.nodes)
        now: dict[str, np.ndarray] = {}
        for name in sorted(names):
            value(graph, name, t, now, before, samples, batch, states, dt, method, late)
        before = {name: now[name] for name in names}
        if t >= 0:
            for name in graph.nodes:
                sent[name].append(before[name])
    return {name: np.stack(values) for name, values in sent.items()}


def value(graph, name, t, now, before, inputs, batch, states, dt, method, late) -> np.ndarray:
    """Return a node's output in a step, once all its inputs are known."""
    if name in now:
        return now[name]
    node = graph.nodes[name]
    if isinstance(node, nir.Input):
        now[name] = (np.zeros_like(inputs[name][0]) if t < 0 else inputs[name][t]).astype(np.float64)
    elif t < 0 and isinstance(node, STATEFUL):
        now[name] = np.zeros((batch, *node.output_type["output"]))
    else:
        total = 0.0
        for source, target in graph.edges:
            if target == name and (source, target) in late and t >= 0:
                total = total + before[source]
            elif target == name:
                total = total + value(graph, source, t, now, before, inputs, batch, states, dt, method, late)
        now[name] = node_step(node, total, states[name], dt, method)
    return now[name]


STATEFUL = (nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF, nir.I, nir.IF, nir.Delay)


def node_step(node: nir.NIRNode, x: np.ndarray, state: State, dt: float, method: str) -> np.ndarray:
    """One step of one node; ``state`` is changed."""
    if isinstance(node, nir.Output):
        return x
    if isinstance(node, nir.Affine | nir.Linear):
        y = np.einsum("...oi,b...i->b...o", node.weight.astype(np.float64), x)
        return y + node.bias if isinstance(node, nir.Affine) else y
    if isinstance(node, nir.Scale):
        return x * node.scale
    if isinstance(node, nir.Threshold):
        return (x > node.threshold).astype(np.float64)
    if isinstance(node, nir.Conv1d | nir.Conv2d):
        return convolution(node, x)
    if isinstance(node, nir.SumPool2d | nir.AvgPool2d):
        return pool(node, x)
    if isinstance(node, nir.Flatten):
        return flatten(node, x)
    if isinstance(node, nir.Delay):
        return delayed(node, x, state, dt)
    return neuron(node, x, state, dt, method)


def neuron(node: nir.NIRNode, x: np.ndarray, state: State, dt: float, method: str) -> np.ndarray:
    v = state.setdefault("v", np.zeros_like(x))
    drive = x
    if isinstance(node, nir.CubaLI | nir.CubaLIF):
        current = state.setdefault("i", np.zeros_like(x))
        state["i"] = drive = towards(current, node.w_in * x, node.tau_syn, dt, method)
    if isinstance(node, nir.I | nir.IF):
        v = v + dt * node.r * drive
    else:
        tau = node.tau_mem if isinstance(node, nir.CubaLI | nir.CubaLIF) else node.tau
        v = towards(v, node.v_leak + node.r * drive, tau, dt, method)
    state["v"] = v
    if isinstance(node, nir.I | nir.LI | nir.CubaLI):
        return v
    fired = v > node.v_threshold
    state["v"] = np.where(fired, node.v_reset, v)
    return fired.astype(np.float64)


def towards(now: np.ndarray, end: np.ndarray, tau: np.ndarray, dt: float, method: str) -> np.ndarray:
    """One step of tau v' = end - v."""
    if method == "exact":
        return end + (now - end) * np.exp(-dt / tau)
    return now + dt / tau * (end - now)


def delayed(node: nir.Delay, x: np.ndarray, state: State, dt: float) -> np.ndarray:
    steps = np.round(node.delay / dt).astype(int)
    past = state.setdefault("past", np.zeros((int(steps.max()) + 1, *x.shape)))
    state["past"] = past = np.concatenate([x[None], past[:-1]])
    out = np.empty_like(x)
    for index in np.ndindex(steps.shape):
        out[(slice(None), *index)] = past[steps[index]][(slice(None), *index)]
    return out


def convolution(node: nir.NIRNode, x: np.ndarray) -> np.ndarray:
    axes = x.ndim - 2
    kernel = node.weight.shape[2:]
    stride, dilation = (np.broadcast_to(v, axes) for v in (node.stride, node.dilation))
    if isinstance(node.padding, str):
        total = [d * (k - 1) if node.padding == "same" else 0 for d, k in zip(dilation, kernel, strict=True)]
        pads = [(p // 2, p - p // 2) for p in total]
    else:
        pads = [(p, p) for p in np.broadcast_to(node.padding, axes)]
    x = np.pad(x, [(0, 0), (0, 0), *pads])
    span = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    out_shape = [(n - s) // st + 1 for n, s, st in zip(x.shape[2:], span, stride, strict=True)]
    out_channels, per_group = node.weight.shape[:2]
    outs_per_group = out_channels // int(node.groups)
    y = np.empty((len(x), out_channels, *out_shape))
    for o in range(out_channels):
        first = o // outs_per_group * per_group
        for place in np.ndindex(*out_shape):
            window = tuple(slice(p * s, p * s + n, d) for p, s, n, d in zip(place, stride, span, dilation, strict=True))
            patch = x[(slice(None), slice(first, first + per_group), *window)]
            y[(slice(None), o, *place)] = (patch * node.weight[o]).reshape(len(x), -1).sum(1) + node.bias[o]
    return y


def pool(node: nir.NIRNode, x: np.ndarray) -> np.ndarray:
    (kh, kw), (sh, sw), (ph, pw) = node.kernel_size, node.stride, node.padding
    x = np.pad(x, [(0, 0), (0, 0), (ph, ph), (pw, pw)])
    height, width = (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1
    y = np.empty((*x.shape[:2], height, width))
    for i in range(height):
        for j in range(width):
            y[:, :, i, j] = x[:, :, i * sh : i * sh + kh, j * sw : j * sw + kw].sum((2, 3))
    return y / (kh * kw) if isinstance(node, nir.AvgPool2d) else y


def flatten(node: nir.Flatten, x: np.ndarray) -> np.ndarray:
    shape = x.shape[1:]
    start, end = int(node.start_dim) % len(shape), int(node.end_dim) % len(shape)
    return x.reshape(len(x), *shape[:start], int(np.prod(shape[start : end + 1])), *shape[end + 1 :])
