"""Any mixture of parts that mix samples, draw numbers and keep statistics leaves what the loop leaves.

Outputs, gradients, buffers, states, counters and generators are compared, in a net with one impurity at most.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

from .impure import loop, outcome, ragged_loop, same
from .mixtures import IMPURITIES, ON_THE_INPUT, Mixture
from .test_impure_forwards import COPIED_BY_SOME, OUTSIDE, concatenated

ORDINARY, IN_ALL, AT_ONCE = 60, 2000, 50  # mixtures in an ordinary run, in the long one, and in each test of that
CLEAN = 0.6  # share of the mixtures that have no impurity


@dataclass(frozen=True)
class Drawn:
    """A mixture, its input, and the options of a run."""

    seed: int
    impurity: str
    training: bool
    steps: int
    batch: int
    way: str
    chunk: int
    lengths: list[int]

    @classmethod
    def of(cls, seed: int) -> Drawn:
        choose = random.Random(seed)
        impurity = "none" if choose.random() < CLEAN else choose.choice(IMPURITIES)
        ways = ["whole", "whole", "ragged", "in two parts"]
        if impurity not in OUTSIDE | COPIED_BY_SOME | ON_THE_INPUT.keys():  # what cannot be put back for a second run
            ways += ["in chunks", "in ragged chunks"]
        steps, batch = choose.randint(4, 8), choose.randint(2, 5)
        lengths = [choose.choice([steps, steps, choose.randint(0, steps)]) for _ in range(batch)]
        return cls(
            seed, impurity, choose.random() < 0.8, steps, batch, choose.choice(ways), choose.randint(1, 6), lengths
        )

    def net(self) -> nn.Module:
        torch.manual_seed(7)
        return Mixture(random.Random(self.seed), self.impurity).train(self.training)

    def input(self, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(self.steps, self.batch, 5, dtype=torch.float64, generator=generator)

    def runs(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Return a run by ``unroll``, and the loop that it must equal."""
        if "ragged" in self.way:
            options = {"lengths": self.lengths} | ({"chunk": self.chunk} if "chunks" in self.way else {})
            return lambda net, xs: snn.unroll(net, xs, **options), lambda net, xs: ragged_loop(net, xs, self.lengths)
        if self.way == "in two parts" and self.chunk < self.steps:
            cut = self.chunk

            def in_two(net: nn.Module, xs: Tensor) -> Any:
                return concatenated(snn.unroll(net, xs[:cut]), snn.unroll(net, xs[cut:], resume=True))

            return in_two, loop
        return lambda net, xs: snn.unroll(net, xs, chunk=self.chunk if "chunks" in self.way else None), loop


def check(seed: int) -> None:
    """Run two mixtures alike three times, each on another input: a new plan, one that is kept, and the loop."""
    case = Drawn.of(seed)
    net, twin = case.net(), case.net()
    run, reference = case.runs()
    for number, (by, of) in enumerate(((run, reference), (run, reference), (loop, loop))):
        xs, learns = case.input(number), case.impurity not in ON_THE_INPUT
        expected = outcome(twin, xs, of, learns)
        result = outcome(net, xs, by, learns)
        same(result, expected)
        if isinstance(expected, type):
            return  # what an error leaves is not promised
        net.zero_grad()
        twin.zero_grad()


@pytest.mark.parametrize("seed", range(ORDINARY))
def test_a_mixture_leaves_what_the_loop_leaves(seed: int) -> None:
    check(seed)


@pytest.mark.exhaustive
@pytest.mark.parametrize("start", range(ORDINARY, IN_ALL, AT_ONCE))
def test_any_mixture_leaves_what_the_loop_leaves(start: int) -> None:
    for seed in range(start, start + AT_ONCE):
        try:
            check(seed)
        except Exception as error:
            error.add_note(f"{Drawn.of(seed)}")
            raise


def test_the_mixtures_are_of_every_kind() -> None:
    cases = [Drawn.of(seed) for seed in range(IN_ALL)]
    assert {case.impurity for case in cases} == {*IMPURITIES}
    assert {case.way for case in cases} == {"whole", "ragged", "in two parts", "in chunks", "in ragged chunks"}
