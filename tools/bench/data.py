"""Inputs, weights and output gradients of a workload: made once from a seed, the same for every peer."""

from __future__ import annotations

import pathlib

import numpy as np

from bench.workloads import Workload

Arrays = dict[str, np.ndarray]

_WEIGHTS: dict[str, list[tuple[int | str, ...]]] = {
    # (out, in) of linear layers, (out, in, height, width) of convolutions; sizes in the input's and output's terms
    "neuron": [],
    "linear": [("out", "in")],
    "stack": [("out", "in"), ("out", "out"), ("out", "out"), ("out", "out")],
    "conv": [(8, 1, 5, 5), (16, 8, 5, 5), ("out", 256)],
    "recurrent": [(256, "in"), (256, 256), ("out", 256)],
}
# Factors on the weights of each layer, so that in every layer one neuron in ten fires in a step.
_GAINS = {
    "linear": [0.62],
    "stack": [2.13, 1.9, 1.97, 1.67],
    "conv": [0.85, 1.24, 2.92],
    "recurrent": [3.27, 0.5, 2.01],
}


def arrays(workload: Workload) -> Arrays:
    """Draw everything that a peer needs to run a workload.

    Returns:
        ``xs`` ``[T, B, *shape]``, the output's gradient ``upstream`` ``[T, B, out]``, weights ``w0``, ``w1``, ...; for
        learned neurons ``beta`` and ``threshold`` ``[out]``. All float32.

    Example:
        >>> from bench.workloads import scaled
        >>> {name: one.shape for name, one in arrays(scaled(7, 3, 5)).items()}
        {'xs': (7, 3, 5), 'upstream': (7, 3, 5)}
    """
    draw, weights = np.random.default_rng(0).spawn(2)  # the weights do not depend on the input's size
    size = (workload.steps, workload.batch, *workload.shape)
    xs = draw.random(size, dtype=np.float32)
    if workload.density:
        xs = (xs < workload.density).astype(np.float32)
    xs *= np.float32(workload.drive)
    arrays = {"xs": xs, "upstream": draw.standard_normal((*size[:2], workload.out), dtype=np.float32)}
    sizes = {"in": workload.shape[0], "out": workload.out}
    for index, dimensions in enumerate(_WEIGHTS[workload.kind]):
        shape = [sizes[n] if isinstance(n, str) else n for n in dimensions]
        gain = _GAINS[workload.kind][index] / np.sqrt(np.prod(shape[1:]))
        arrays[f"w{index}"] = (gain * weights.standard_normal(shape)).astype(np.float32)
    if workload.neuron == "slstm":  # the gates of input and of output, with biases that are zero
        for index, name in enumerate(("in", "out")):
            numbers = weights.standard_normal((4 * workload.out, sizes[name])) / np.sqrt(sizes[name])
            arrays[f"w{index}"] = numbers.astype(np.float32)
    if workload.neuron == "learnable":
        arrays["beta"] = weights.uniform(0.85, 0.95, workload.out).astype(np.float32)
        arrays["threshold"] = weights.uniform(0.9, 1.1, workload.out).astype(np.float32)
    return arrays


def save(folder: pathlib.Path, arrays: Arrays) -> None:
    """Write arrays into a folder, where the workers find them; make the folder if it does not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


def load(folder: pathlib.Path) -> Arrays:
    """Read what `save` wrote.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(pathlib.Path(folder), {"xs": np.ones(2)})
        ...     load(pathlib.Path(folder))
        {'xs': array([1., 1.])}
    """
    return {file.stem: np.load(file) for file in sorted(folder.glob("*.npy"))}
