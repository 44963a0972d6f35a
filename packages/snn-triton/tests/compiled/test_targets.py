"""A set that covers neurons, surrogates, resets, dtypes and layouts, compiled for every GPU."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest

from gpu.binaries import compiled
from gpu.launches import LARGE, Sizes, backward, forward
from gpu.targets import TARGETS
from snn_core import surrogate
from snn_core.surrogate import Surrogate
from trust.neurons import zoo

from . import checks, listings
from .programs import CASES, DTYPES, program_of

SURROGATES: dict[str, Surrogate] = {
    "atan": surrogate.atan(3.0),
    "fast_sigmoid": surrogate.fast_sigmoid(5),
    "sigmoid": surrogate.sigmoid(7),
    "straight_through_estimator": surrogate.straight_through_estimator(),
    "triangular": surrogate.triangular(0.2),
    "heaviside": surrogate.heaviside(),
    "spike_rate_escape": surrogate.spike_rate_escape(1.5, 0.8),
    "multi_gaussian": surrogate.multi_gaussian(),
    "double_gaussian": surrogate.double_gaussian(0.4),
    "slayer": surrogate.slayer(2, 0.8),
    "LSO": surrogate.LSO(0.3),
    "SFS": surrogate.SFS(3, 0.05),
    "no_gradient": surrogate.no_gradient(),
}
RESETS = {name: options for name, options in zoo.OPTIONS.items() if "reset_mechanism" in options}
SIZES = {
    "large": LARGE,
    "odd": Sizes(7, (3, 5), scalar=False),
    "large and odd": Sizes(20, (513, 513)),
    "a part": Sizes(20, (512, 512), contiguous=False),
    "one step": Sizes(1, (64, 512)),
    "one column": Sizes(9, (1, 1)),
}

APART = ("odd", "large and odd", "a part", "one column")  # where rows begin anywhere


class Choice(NamedTuple):
    """A neuron and what is varied of it."""

    neuron: str
    surrogate: str
    reset: str | None
    dtype: str
    sizes: str
    trace: bool

    def __str__(self) -> str:
        return ", ".join(part for part in self[:5] if part) + ", traced" * self.trace


def _choices() -> list[Choice]:
    """Return one a neuron; each value of anything is in several, and each pair of a dtype and sizes is in one."""
    surrogates, resets, pairs = [*SURROGATES], [*RESETS], [*itertools.product(SIZES, DTYPES)]
    choices = []
    for i, (name, case) in enumerate(CASES.items()):
        reset = resets[i % len(resets)] if case.resets else None
        sizes, dtype = pairs[i % len(pairs)]
        choices.append(Choice(name, surrogates[i % len(surrogates)], reset, dtype, sizes, trace=i % 3 == 0))
    return choices


CHOICES = _choices()


def test_the_set_has_every_surrogate_reset_and_pair_of_dtype_and_sizes():
    assert {choice.surrogate for choice in CHOICES} == SURROGATES.keys()
    assert {choice.reset for choice in CHOICES} == {None, *RESETS}
    assert len({(choice.dtype, choice.sizes) for choice in CHOICES}) == len(DTYPES) * len(SIZES)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_kernels_compile_for_every_gpu(choice: Choice, target: str):
    options = RESETS[choice.reset] if choice.reset else {}
    program = program_of(CASES[choice.neuron], spike_grad=SURROGATES[choice.surrogate], **options)
    sizes = SIZES[choice.sizes]._replace(dtype=DTYPES[choice.dtype])
    # the backward pass, which takes the compiler longest, for every second GPU, the others in the next choice
    back = (CHOICES.index(choice) + [*TARGETS].index(target)) % 2
    launch = (backward if back else forward)(program, sizes, trace=choice.trace, **{} if back else {"save": True})
    binary = compiled(launch, TARGETS[target])
    checks.fits(binary)
    checks.rounds_as_written(launch, binary)
    assert not listings.conversions_in_loops(binary)
    assert not listings.unordered(binary)
    apart = choice.sizes in APART and choice.dtype in ("float16", "bfloat16")  # a thread reads two bytes at a time
    assert apart or not listings.waiting_loads(binary)
