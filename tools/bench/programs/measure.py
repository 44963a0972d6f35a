"""Runs every program in every library, in turns, and keeps what each turn took."""

from __future__ import annotations

import contextlib
import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from bench.process import Plan, Process, by_way, turns
from bench.programs.catalog import PROGRAMS
from bench.programs.contestants import BASE, CONTESTANTS, OWN
from bench.report import say

# where all spikes are the same, losses and gradients in float32 differ by at most 3e-7; a spike that differs gave 3e-2
# in a gradient, and 3e-3 in the loss of 18 layers
_ROUNDING, _A_FEW_SPIKES, _ROUNDING_IN_FLOAT64 = (1e-5, 1e-5), (1e-2, 5e-2), (1e-9, 1e-9)
_PAIRS = ((BASE, OWN), ("torch", OWN), ("snn-steps", OWN))


def measured(
    programs: Sequence[str],
    contestants: Sequence[str],
    pythons: dict[str, str],
    absent: dict[str, str],
    plan: Plan,
    sizes: dict[str, int],
) -> dict[str, Any]:
    """Measure programs in the libraries of contestants, with other sizes ``batch`` and ``steps`` if any are given.

    Returns:
        ``contestants``: by name title, note and versions, or the ``reason`` why it is missing; ``programs``: by name
        the title, the answer of each contestant, seconds and page faults of a step by round, and `agreement`; for ours
        also the seconds of its ``products`` alone.
    """
    known: dict[str, Any] = {}
    for name in contestants:
        contestant = CONTESTANTS[name]
        known[name] = {"title": contestant.title, "note": contestant.note, "differs": contestant.differs}
        if contestant.environment in pythons:
            say(f"starting {contestant.title}")
            with _process(name, pythons, plan) as process:
                known[name] |= process.ask("hello")
        else:
            known[name]["reason"] = absent.get(contestant.environment, "no environment for it")
    able = [name for name, contestant in known.items() if "reason" not in contestant]
    return {
        "contestants": known,
        "programs": {
            program: _program(program, [n for n in able if n in PROGRAMS[program].contestants], pythons, plan, sizes)
            for program in programs
        },
    }


def _program(
    program: str, contestants: Sequence[str], pythons: dict[str, str], plan: Plan, sizes: dict[str, int]
) -> dict[str, Any]:
    say(f"{program}: {PROGRAMS[program].title}")
    with contextlib.ExitStack() as stack:
        processes = {name: stack.enter_context(_process(name, pythons, plan)) for name in contestants}
        answers = {name: process.ask("begin", program=program, **sizes) for name, process in processes.items()}

        @functools.cache
        def in_float64(name: str) -> dict[str, Any]:
            with _process(name, pythons, plan) as process:
                return process.ask("float64", program=program, **sizes)

        compared = agreement(answers, in_float64)
        ready = {name: process for name, process in processes.items() if "reason" not in answers[name]}
        for name, answered in turns(ready, plan, "train").items():
            answers[name] |= by_way(answered)
        if OWN in ready:
            answers[OWN] |= ready[OWN].ask("products", seconds=plan.seconds)
    return {"title": PROGRAMS[program].title, "contestants": answers, "agreement": compared}


def agreement(answers: dict[str, dict[str, Any]], in_float64: Callable[[str], dict[str, Any]]) -> list[dict[str, Any]]:
    """Compare the first loss and gradient of those that should agree; give a ``reason`` to each that does not.

    A sum in a different order now and then moves a membrane over its threshold, and one spike causes others. So where
    float32 differs by more than rounding, but no more than a few spikes explain, ``in_float64`` takes the step of both,
    and decides. All have to learn as many parameters as ours.

    Returns:
        For each pair, its names, the relative differences of ``loss`` and ``gradient``, those in ``float64`` if
        measured, and whether the two are the ``same``: "yes", "in float64" or "no".

    Example:
        >>> ours = {"loss": 2.0, "gradient": 1.0, "parameters": 7}
        >>> agreement({"snn": ours, "torch": ours | {"loss": 2.2}}, dict)
        [{'pair': ['torch', 'snn'], 'loss': 0.1, 'gradient': 0.0, 'float64': {}, 'same': 'no'}]
    """
    own = answers.get(OWN, {})
    if "loss" not in own:
        return []
    compared = [_compared(pair, answers, in_float64) for pair in _PAIRS if "loss" in answers.get(pair[0], {})]
    for answer in answers.values():
        if answer.get("parameters", own["parameters"]) != own["parameters"]:
            answer["reason"] = f"not timed: it learns {answer['parameters']} parameters, ours {own['parameters']}"
    return compared


def _compared(
    pair: tuple[str, str], answers: dict[str, dict[str, Any]], in_float64: Callable[[str], dict[str, Any]]
) -> dict[str, Any]:
    single, double = _differences(*(answers[name] for name in pair)), {}
    same, reasons = "yes" if _within(single, _ROUNDING) else "no", []
    if same == "no" and _within(single, _A_FEW_SPIKES):
        steps = [in_float64(name) for name in pair]
        reasons = [f"no step in float64: {step['reason']}" for step in steps if "reason" in step]
        double = _differences(*steps)
        same = "in float64" if _within(double, _ROUNDING_IN_FLOAT64) else "no"
    if same == "no":
        loss, gradient = (f"{100 * difference:.3g} %" for difference in (double or single).values())
        reasons.append(f"{'in float64 ' * bool(double)}its loss differs by {loss}, its gradient by {gradient}")
        answers[pair[0]]["reason"] = f"not timed: {reasons[0]}"
    return {"pair": [*pair], **single, "float64": double, "same": same}


def _differences(answer: dict[str, Any], own: dict[str, Any]) -> dict[str, float]:
    """Return the relative differences to three digits; NaN where one of the two has no number."""
    values = {way: (answer.get(way, math.nan), own.get(way, math.nan)) for way in ("loss", "gradient")}
    return {way: float(f"{abs(value - expected) / abs(expected):.3g}") for way, (value, expected) in values.items()}


def _within(differences: dict[str, float], limits: tuple[float, float]) -> bool:
    return all(map(operator.le, differences.values(), limits))


def _process(name: str, pythons: dict[str, str], plan: Plan) -> Process:
    python = pythons[CONTESTANTS[name].environment]
    return Process(name, python, plan.threads, module="bench.programs.worker")
