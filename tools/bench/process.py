"""Processes of workers, and the rounds in which they are asked."""

from __future__ import annotations

import json
import os
import pathlib
import random
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TOOLS = pathlib.Path(__file__).parents[1]
_LEFT_OUT = ("OPENBLAS_CORETYPE", "OMP_", "MKL_", "KMP_", "GOMP_", "XLA_FLAGS")


class Process:
    """One peer in a process of its own; ends with the ``with`` block.

    Args:
        peer: Its name in the registry.
        python: The interpreter of its environment.
        threads: How many threads it may use.
        patience: Seconds to wait for an answer; the process is ended then.
        module: Module that answers there.

    Example:
        >>> import sys
        >>> with Process("torch", sys.executable, threads=1) as process:
        ...     process.ask("prepare")["reason"].split(":")[0]
        'TypeError'
    """

    def __init__(
        self, peer: str, python: str, threads: int, patience: float = 300.0, module: str = "bench.worker"
    ) -> None:
        self._patience = patience
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [python, "-m", module, peer, "--threads", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            env=_environment(threads),
        )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Have the worker call a method; return its answer, with a ``reason`` if it could not or has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        ended = threading.Event()
        timer = threading.Timer(self._patience, lambda: (ended.set(), self._process.kill()))
        timer.start()
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        finally:
            timer.cancel()
        if answer:
            return json.loads(answer)
        return {"reason": f"took longer than {self._patience:g} s" if ended.is_set() else self._last_words()}

    def _last_words(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines() or ["without a word"]
        return f"ended with exit status {self._process.returncode}: {lines[-1]}"

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        self._errors.close()


@dataclass(frozen=True)
class Plan:
    """The effort of a measurement."""

    rounds: int  # rounds that count; one more is run before them and dropped
    seconds: float  # length of one turn in a round; a single call may take longer
    threads: int  # threads of each process
    memory: bool = True  # measure peak memory
    anew: int = 0  # rounds that compare with the last release in new processes; 0 compares the rounds of all peers
    sizes: tuple[int, ...] = ()  # sizes of each axis of the scaling table; empty for no table


def turns(processes: Mapping[str, Process], plan: Plan, do: str) -> dict[str, list[dict[str, Any]]]:
    """Ask all processes in rounds, and return the answers of each in the rounds that count.

    The order changes from round to round, because some processes leave the caches and the processor in a worse state
    than others.
    """
    names = list(processes)
    answer: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for number in range(plan.rounds + 1):
        for name in random.Random(number).sample(names, len(names)):
            answer[name].append(processes[name].ask(do, seconds=plan.seconds))
    return {name: answers[1:] for name, answers in answer.items()}


def by_way(answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Join the answers of rounds by what was timed, or return the first answer that has a ``reason``.

    Example:
        >>> by_way([{"forward": 1.0, "backward": 2.0}, {"forward": 1.5, "backward": 2.5}])
        {'forward': [1.0, 1.5], 'backward': [2.0, 2.5]}
        >>> by_way([{"forward": 1.0}, {"reason": "took longer than 5 s"}])
        {'reason': 'took longer than 5 s'}
    """
    failed = next((answer for answer in answers if "reason" in answer), None)
    return failed or {way: [answer[way] for answer in answers] for way in answers[0]}


def _environment(threads: int) -> dict[str, str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}
    return variables | {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(_TOOLS), "PYTHONWARNINGS": "ignore"}
