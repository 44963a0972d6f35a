"""Measure in which dtypes neurons run, on which kernel, and under torch's own transformations."""

from __future__ import annotations

import pathlib
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from snn_core import kernels
from trust.neurons import Neuron

_DTYPES = {"float64": torch.float64, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


class _Once(nn.Module):
    """One step with its states in and out, or one sequence, as a function of tensors alone."""

    def __init__(self, neuron: Neuron) -> None:
        super().__init__()
        self.model = neuron.make()
        self.whole = neuron.whole

    def forward(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        if self.whole:
            return tuple(tree_leaves(self.model(x)))
        spk, after = self.model.step(x, self.model.State._make(states))
        return spk, *after


def dtypes(neuron: Neuron) -> list[str]:
    """Return the dtypes in which the outputs keep the dtype of the input and the gradient is finite.

    Example:
        >>> from trust.neurons import EVERY
        >>> dtypes(EVERY[0])
        ['float64', 'float32', 'float16', 'bfloat16']
    """
    results = []
    for name, dtype in _DTYPES.items():
        model, xs = neuron.make().to(dtype), neuron.input(7).to(dtype).requires_grad_()
        out = tree_leaves(model(xs) if neuron.whole else model.unroll(xs))
        (grad,) = torch.autograd.grad(sum((o.sum() for o in out), torch.zeros((), dtype=dtype)), xs)
        if {o.dtype for o in out} == {dtype} and bool(grad.isfinite().all()):
            results.append(name)
    return results


def kernel(neuron: Neuron) -> str:
    """Return the kernel for a sequence of 8 steps and 2,048 samples in float32, or ``"reference"`` and the reason.

    Example:
        >>> from trust.neurons import EVERY
        >>> kernel(EVERY[0]).split(":")[0] in ("snn-cpu", "reference")
        True
    """
    if not hasattr(neuron.kind, "integrate"):
        return "reference: it has no step"
    result: Any = neuron.make().float()
    choice = kernels.choose(result, result.driven(torch.zeros(8, 2048, *neuron.input(1).shape[2:])))
    return choice.name if choice.name != "reference" else f"reference: {choice.reason}"


def _inputs(once: _Once, neuron: Neuron, batch: int = 3) -> tuple[Tensor, ...]:
    xs = neuron.input(4).to(next(once.buffers()).dtype).index_select(1, torch.arange(batch) % 3)
    if neuron.whole:
        return (xs,)
    return xs[0], *(s.detach() for s in once.model.step(xs[1])[1])


def _compiled(neuron: Neuron) -> str:
    once = _Once(neuron)
    torch.compiler.reset()
    compiled = torch.compile(once, fullgraph=True, backend="aot_eager")
    inputs = _inputs(once, neuron)
    for tensor in inputs:
        torch._dynamo.mark_dynamic(tensor, 1 if neuron.whole else 0)
    # torch does not look into an nn.RNN, which holds the weights of LeakyParallel, unless it is told to
    with torch._dynamo.config.patch(allow_rnn=True):
        compiled(*inputs)
        with torch._dynamo.config.patch(error_on_recompile=True):
            return _agreement(compiled, once, _inputs(once, neuron, 5))


def _exported(neuron: Neuron) -> str:
    once = _Once(neuron)
    inputs = _inputs(once, neuron)
    exported = torch.export.export(once, inputs, dynamic_shapes=_free_batch(neuron, inputs)).module()
    return _agreement(exported, once, _inputs(once, neuron, 5))


def _onnx(neuron: Neuron) -> str:
    import onnxruntime

    once = _Once(neuron).float()
    inputs = _inputs(once, neuron)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "neuron.onnx"
        torch.onnx.export(once, inputs, file, dynamo=True, dynamic_shapes=_free_batch(neuron, inputs), verbose=False)
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])

    def run(*values: Tensor) -> tuple[Tensor, ...]:
        names = [entry.name for entry in session.get_inputs()]
        feed = {name: t.detach().numpy() for name, t in zip(names, values, strict=True)}
        return tuple(torch.from_numpy(array) for array in session.run(None, feed))

    return _agreement(run, once, _inputs(once, neuron, 5))


def _mapped(neuron: Neuron) -> str:
    once = _Once(neuron)
    inputs = _inputs(once, neuron)
    many = tree_map(lambda t: torch.stack([t, 0.5 * t, -t]), inputs)

    def loop(*many: Tensor) -> tuple[Tensor, ...]:
        outs = [once(*example) for example in zip(*many, strict=True)]
        return tuple(torch.stack(column) for column in zip(*outs, strict=True))

    return _agreement(torch.vmap(once), loop, many)


def _differentiated(neuron: Neuron) -> str:
    once = _Once(neuron)
    inputs = _inputs(once, neuron)

    def loss(x: Tensor) -> Tensor:
        return torch.cat([o.flatten() for o in once(x, *inputs[1:])]).square().sum()

    def plain(x: Tensor) -> Tensor:
        leaf = x.clone().requires_grad_()
        return torch.autograd.grad(loss(leaf), leaf)[0]

    return _agreement(torch.func.grad(loss), plain, inputs[:1])


def _free_batch(neuron: Neuron, inputs: tuple[Tensor, ...]) -> tuple[Any, ...]:
    batch = torch.export.Dim("batch")
    return ({1: batch},) if neuron.whole else ({0: batch}, tuple({0: batch} for _ in inputs[1:]))


def _agreement(function: Callable[..., Any], plain: Callable[..., Any], inputs: tuple[Tensor, ...]) -> str:
    pairs = zip(tree_leaves(function(*inputs)), tree_leaves(plain(*inputs)), strict=True)
    worst = max(float((a - b).detach().abs().max()) for a, b in pairs)
    return "equal" if worst == 0 else f"{worst:.0e}"


def _verdict(run: Callable[[Neuron], str]) -> Callable[[Neuron], str]:
    def tried(neuron: Neuron) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about itself
            try:
                return run(neuron)
            except Exception as error:
                return f"fails: {type(error).__name__}"

    return tried


VERDICTS: dict[str, Callable[[Neuron], str]] = {
    "compiled into one graph": _verdict(_compiled),
    "exported": _verdict(_exported),
    "ONNX Runtime": _verdict(_onnx),
    "vmap": _verdict(_mapped),
    "func.grad": _verdict(_differentiated),
}
"""Measurements by title: the largest difference from plain execution, for a batch of another size than at first."""
