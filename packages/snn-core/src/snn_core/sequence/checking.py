"""The check of a run of a net against the loop over its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from snn_core.effects.random_states import RandomStates
from snn_core.neuron.temporal import temporal
from snn_core.neuron.turns import Holding
from snn_core.sequence.recomputation import Snapshot

Run = Callable[[nn.Module, Tensor], Any]


def must_agree(net: nn.Module, xs: Tensor, run: Run, loop: Run) -> None:
    """Raise unless a run of a net gives what the loop over its steps gives, from the state that the net is in.

    Afterward, everything in the net and the random generators is as before. What code changes elsewhere stays changed.

    Args:
        net: The net.
        xs: The input of both.
        run: Function ``run(net, xs)`` that runs the net.
        loop: The same for the loop.

    Raises:
        RuntimeError: If an output, a state, a buffer, a random generator or a gradient differs.
    """
    expected, result = _outcome(net, xs, loop), _outcome(net, xs, run)
    largest = max((_largest(value) for name, value in expected.tensors.items() if "gradient" in name), default=0.0)
    for name, value, other in result.beside(expected):
        # a gradient that is zero but for rounding is as far off as the terms whose sum it is
        why = _difference(value, other, largest if "gradient" in name else 0.0)
        if why:
            raise RuntimeError(
                f"unroll(check=True): {name} {why}. The loop is right: pass schedule='steps', and see "
                "docs/what-a-step-may-do.md; spikes that differ by rounding alone agree in float64"
            )


@dataclass(frozen=True)
class _Outcome:
    """The results of a run of a net, and the state in which it leaves the net."""

    tensors: dict[str, Tensor | None]  # by name: outputs, states, buffers, gradients
    generators: RandomStates

    def beside(self, other: _Outcome) -> Iterator[tuple[str, Any, Any]]:
        """Iterate over the names of the tensors of two outcomes, with both values."""
        for name in {**self.tensors, **other.tensors}:
            yield name, self.tensors.get(name), other.tensors.get(name)
        yield "the state of a random generator", self.generators.are(other.generators), True


def _outcome(net: nn.Module, xs: Tensor, run: Run) -> _Outcome:
    """Run a net from copies of its states, so that no gradient goes back beyond the start, and put everything back."""
    begin = {module: tree_map(_leaf, module._kept) for module in temporal(net)}
    paths = {module: path or "the net" for path, module in net.named_modules()}
    xs = xs.detach().requires_grad_(xs.requires_grad)
    with Snapshot(net).as_it_was(), Holding(begin):
        out = run(net, xs)
        generators = RandomStates()
        values = {f"output {k}": leaf for k, leaf in enumerate(tree_leaves(out)) if isinstance(leaf, Tensor)}
        for module in temporal(net):
            kept = module._kept if isinstance(module._kept, tuple) else ()
            names = getattr(kept, "_fields", range(len(kept)))
            values |= {f"the state {n!r} of {paths[module]!r}": s for n, s in zip(names, kept, strict=True)}
        buffers = {f"the buffer {path!r}": buffer.clone() for path, buffer in net.named_buffers()}
        sources = {"the gradient of the input": xs}
        sources |= {f"the gradient of {path!r}": parameter for path, parameter in net.named_parameters()}
        sources |= {f"the gradient of state {k} at the start": s for k, s in enumerate(tree_leaves([*begin.values()]))}
        gradients = _gradients(sources, [v for v in values.values() if v.requires_grad])
    return _Outcome({name: v.detach() for name, v in values.items()} | buffers | gradients, generators)


def _leaf(value: Any) -> Any:
    return value.detach().requires_grad_(value.requires_grad) if isinstance(value, Tensor) else value


def _gradients(sources: dict[str, Any], ends: list[Tensor]) -> dict[str, Tensor | None]:
    """Return the gradients of the sources that learn, for seeded gradients of the results."""
    sources = {name: s for name, s in sources.items() if isinstance(s, Tensor) and s.requires_grad}
    if not ends or not sources:
        return {}
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(end.shape, generator=generator, device="cpu").to(end) for end in ends]
    gradients = torch.autograd.grad(ends, [*sources.values()], weights, allow_unused=True)
    return dict(zip(sources, gradients, strict=True))


def _largest(value: Any) -> float:
    """Return the largest finite number of a tensor, regardless of its sign."""
    finite = value[value.isfinite()] if isinstance(value, Tensor) else torch.zeros(0)
    return float(finite.abs().max()) if finite.numel() else 0.0


def _difference(value: Any, other: Any, scale: float) -> str:
    """Describe the first difference between a value and the loop's, or return an empty string.

    Values that differ by rounding errors of numbers of a ``scale`` are the same.
    """
    if isinstance(value, bool):
        return "" if value == other else "differs from the one after the loop"
    if value is None or other is None:  # no gradient is one of zero
        there = other if value is None else value
        return "is missing in one of the two" if there is not None and bool(there.any()) else ""
    if value.shape != other.shape or value.dtype != other.dtype:
        return f"is {value.dtype} {tuple(value.shape)}, the loop's {other.dtype} {tuple(other.shape)}"
    if not value.is_floating_point():
        return "" if torch.equal(value, other) else "differs from the loop's"
    epsilon = torch.finfo(value.dtype).eps
    rounding = epsilon**0.5
    least = max(rounding * _largest(other), 100 * epsilon * scale)
    near = torch.isclose(value, other, rounding, least, equal_nan=True)
    if near.all():
        return ""
    place = tuple((~near).nonzero()[0].tolist())
    return f"is {value[place].item():.6g} at {list(place)}, the loop's {other[place].item():.6g}"
