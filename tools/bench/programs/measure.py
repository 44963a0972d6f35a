"""Runs every program in every library, in turns, and keeps what each turn took."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from bench.process import Plan, Process, by_way, turns
from bench.programs.catalog import PROGRAMS
from bench.programs.contestants import BASE, CONTESTANTS, OWN
from bench.report import say

_MOST_LOSS, _MOST_GRADIENT = 1e-3, 5e-2
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
        "programs": {name: _program(name, able, pythons, plan, sizes) for name in programs},
    }


def _program(
    program: str, contestants: Sequence[str], pythons: dict[str, str], plan: Plan, sizes: dict[str, int]
) -> dict[str, Any]:
    say(f"{program}: {PROGRAMS[program].title}")
    with contextlib.ExitStack() as stack:
        processes = {name: stack.enter_context(_process(name, pythons, plan)) for name in contestants}
        answers = {name: process.ask("begin", program=program, **sizes) for name, process in processes.items()}
        compared = agreement(answers)
        ready = {name: process for name, process in processes.items() if "reason" not in answers[name]}
        for name, answered in turns(ready, plan, "train").items():
            answers[name] |= by_way(answered)
        if OWN in ready:
            answers[OWN] |= ready[OWN].ask("products", seconds=plan.seconds)
    return {"title": PROGRAMS[program].title, "contestants": answers, "agreement": compared}


def agreement(answers: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Compare the first loss and gradient of those that should agree; give a ``reason`` to each that does not.

    A sum in a different order now and then moves a membrane over its threshold, and one spike causes others, so the
    loss may differ by a thousandth and the gradient by 5 %. All have to learn as many parameters as ours.

    Returns:
        For each pair, its names, the relative differences of ``loss`` and ``gradient``, and whether they ``agree``.

    Example:
        >>> ours = {"loss": 2.0, "gradient": 1.0, "parameters": 7}
        >>> agreement({"snn": ours, "torch": ours | {"loss": 2.2}})
        [{'pair': ['torch', 'snn'], 'loss': 0.1, 'gradient': 0.0, 'agree': False}]
    """
    own = answers.get(OWN, {})
    if "loss" not in own:
        return []
    compared = []
    for pair in _PAIRS:
        answer = answers.get(pair[0], {})
        if "loss" not in answer:
            continue
        loss, gradient = (round(_difference(answer[way], own[way]), 9) for way in ("loss", "gradient"))
        agree = loss <= _MOST_LOSS and gradient <= _MOST_GRADIENT
        compared.append({"pair": [*pair], "loss": loss, "gradient": gradient, "agree": agree})
        if not agree:
            answer["reason"] = (
                f"not timed: its loss differs by {100 * loss:.3g} %, its gradient by {100 * gradient:.3g} %"
            )
    for answer in answers.values():
        if answer.get("parameters", own["parameters"]) != own["parameters"]:
            answer["reason"] = f"not timed: it learns {answer['parameters']} parameters, ours {own['parameters']}"
    return compared


def _difference(value: float, expected: float) -> float:
    return abs(value - expected) / abs(expected)


def _process(name: str, pythons: dict[str, str], plan: Plan) -> Process:
    python = pythons[CONTESTANTS[name].environment]
    return Process(name, python, plan.threads, module="bench.programs.worker")
