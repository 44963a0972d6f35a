"""Comparison with our last release: has anything become slower?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.peers.registry import LAST, LAST_STEPS, OWN, STEPS
from bench.ratios import ratios, totals

Quartiles = tuple[float, float, float]


def beside_last(answers: Mapping[str, dict[str, Any]]) -> dict[str, Quartiles]:
    """Return how many times as long as the last release this tree takes, round by round.

    Args:
        answers: Each peer's answer to one workload, times in seconds by round; those of new processes in ``"anew"``.

    Returns:
        Quartiles for ``"forward"``, ``"backward"``, ``"train"`` (both together), and ``"infer"`` and ``"steps"`` (the
        step loop, both together) where they were timed: below 1 this tree is faster.

    Example:
        >>> times = {"train": {"forward": [1.0, 1.0], "backward": [2.0, 3.0]}}
        >>> last = {"train": {"forward": [2.0, 2.0], "backward": [4.0, 6.0]}}
        >>> beside_last({"snn": times, "snn-last": last})["train"]
        (0.5, 0.5, 0.5)
    """
    own, last = (_times(answers, whole, steps) for whole, steps in ((OWN, STEPS), (LAST, LAST_STEPS)))
    return {way: ratios(last[way], own[way]) for way in own if way in last}


def slower(compared: Mapping[str, Sequence[float]]) -> list[str]:
    """Return where this tree is slower by more than the spread: its lower quartile is above 1.

    Example:
        >>> slower({"forward": (0.9, 1.1, 1.2), "backward": (1.01, 1.1, 1.2)})
        ['backward']
    """
    return [way for way, (low, _, _) in compared.items() if low > 1]


def _times(answers: Mapping[str, dict[str, Any]], whole: str, steps: str) -> dict[str, list[float]]:
    """Return the times of two peers by what was timed: those of whole sequences, and those of a step loop."""
    answer, looped = answers.get(whole, {}), answers.get(steps, {})
    answer = answer.get("anew", answer)
    times: dict[str, list[float]] = {}
    if "train" in answer:
        times |= answer["train"] | {"train": totals(answer["train"].values())}
    if "infer" in answer:
        times["infer"] = answer["infer"]["forward"]
    if "train" in looped:
        times["steps"] = totals(looped["train"].values())
    return times
