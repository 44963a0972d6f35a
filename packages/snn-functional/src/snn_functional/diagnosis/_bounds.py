"""Checks of learned constants: have they reached an end of their range?"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn.utils import parametrize

from snn_core.neuron.bounds import Bounded
from snn_functional.diagnosis._evidence import Evidence
from snn_functional.diagnosis.finding import Finding


def bounds(evidence: Evidence) -> Iterator[Finding]:
    """Yield constants kept in a range by ``snn.bounded``, and delays, that are at an end of it."""
    limit = evidence.limits.bound
    for path, module in evidence.net.named_modules():
        for name, value, low, high in _ranges(module):
            share = (value - low) / (high - low)
            counts = {low: int((share < limit).sum()), high: int((share > 1 - limit).sum())}
            count = sum(counts.values())
            if not count:
                continue
            ends = " and ".join(f"{number} at {end:g}" for end, number in counts.items() if number)
            message = (
                f"{count} of {value.numel()} values of {name!r} lie within {100 * limit:g} % of an end of their range, "
                f"{ends}: they go no farther, and have hardly any gradient to return."
            )
            remedy = (
                f"Widen the range, if the best value may lie outside: snn.bounded(neuron, {name!r}, low=..., high=...) "
                "of a new neuron; start farther inside, or give them a smaller learning rate."
            )
            if name == "delay":
                remedy = (
                    "Pass a larger max_delay, if the best delay may be longer; start between the ends, or give the "
                    "delays a smaller learning rate."
                )
            yield Finding("constant_at_bound", "warning", path, count, message, remedy)


def _ranges(module: nn.Module) -> Iterator[tuple[str, Tensor, float, float]]:
    """Yield the learned constants of a module that have a range, with its ends."""
    if parametrize.is_parametrized(module):
        for name, steps in module.parametrizations.items():  # pyrefly: ignore[not-callable, missing-attribute]
            value = getattr(steps, "original", None)
            if not isinstance(value, Tensor) or not value.requires_grad:
                continue
            value = value.detach()
            for step in steps:
                value = step(value)
                if isinstance(step, Bounded):
                    yield name, value.detach(), step.low, step.high
    delay, longest = module._parameters.get("delay"), getattr(module, "max_delay", None)
    if delay is not None and delay.requires_grad and isinstance(longest, int | float) and longest > 0:
        yield "delay", delay.detach(), 0.0, float(longest)
