"""A worker as its asker sees it."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import tempfile
import threading
from typing import Any

__all__ = ["Process"]

_TOOLS = pathlib.Path(__file__).parents[1]
_LEFT_OUT = ("OPENBLAS_CORETYPE", "OMP_", "MKL_", "KMP_", "GOMP_", "XLA_FLAGS")


class Process:
    """One peer in a process of its own; ends with the ``with`` block.

    Args:
        peer: Its name in the registry.
        python: The interpreter of its environment.
        threads: How many threads it may use.
        patience: Seconds to wait for an answer; the process is ended then.
        module: What answers there.

    Example:
        >>> import sys
        >>> with Process("torch", sys.executable, threads=1) as process:
        ...     process.ask("prepare")["reason"].split(":")[0]
        'TypeError'
    """

    def __init__(
        self, peer: str, python: str, threads: int, patience: float = 300.0, module: str = "bench.worker"
    ) -> None:
        self.peer = peer
        self._patience = patience
        self._said = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [python, "-m", module, peer, "--threads", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            encoding="utf-8",
            env=_environment(threads),
        )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Args:
            do: What to do, a method of the module's worker.
            arguments: Its arguments.

        Returns:
            The answer; with ``reason`` where the worker could not, or is no longer there.
        """
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
        self._said.seek(0)
        lines = self._said.read().strip().splitlines() or ["without a word"]
        return f"ended with exit status {self._process.returncode}: {lines[-1]}"

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        self._said.close()


def _environment(threads: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}
    return kept | {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(_TOOLS), "PYTHONWARNINGS": "ignore"}
