"""The file from which a training run that was stopped continues."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from snn_functional._fit.history import History
from snn_functional._messages import fault, must


class Checkpoint:
    """All that training changes, in one file of a folder; without a folder, nothing is written.

    Args:
        folder: The folder, or None.
        parts: Objects with ``state_dict`` and ``load_state_dict``, by name.
        generators: Random generators besides PyTorch's own.
    """

    def __init__(self, folder: Any, parts: dict[str, Any], generators: list[torch.Generator]) -> None:
        if folder is not None and not isinstance(folder, str | os.PathLike):
            raise TypeError(must("folder", "be the path of a folder, or None to keep no checkpoint", repr(folder)))
        self.file = None if folder is None else Path(folder) / "checkpoint.pt"
        self._parts, self._generators = parts, generators

    def write(self, history: History, best: dict[str, Any]) -> None:
        """Write the file whole: a process that is killed meanwhile leaves the previous one."""
        if self.file is None:
            return
        kept = {
            "parts": {name: part.state_dict() for name, part in self._parts.items()},
            "generators": [generator.get_state() for generator in self._generators],
            "random": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "history": (history.epochs, history.best_epoch),
            "best": best,
        }
        self.file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.file.with_suffix(".new")
        torch.save(kept, unfinished)
        os.replace(unfinished, self.file)

    def read(self) -> tuple[History, dict[str, Any]]:
        """Continue from the file; return the epochs so far and the best net. Without a file, there are none."""
        if self.file is None or not self.file.exists():
            return History(), {}
        kept = torch.load(self.file, map_location="cpu", weights_only=True)
        if kept["parts"].keys() != self._parts.keys() or len(kept["generators"]) != len(self._generators):
            raise ValueError(self._differs("another scheduler or other loaders"))
        for name, part in self._parts.items():
            try:
                part.load_state_dict(kept["parts"][name])
            except (RuntimeError, ValueError, KeyError) as error:
                raise ValueError(self._differs(f"another {name}")) from error
        for generator, state in zip(self._generators, kept["generators"], strict=True):
            generator.set_state(state)
        torch.set_rng_state(kept["random"])
        if kept["cuda"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(kept["cuda"])
        return History(*kept["history"]), kept["best"]

    def _differs(self, what: str) -> str:
        problem = f"folder has a checkpoint, {self.file}, of a run with {what}"
        return fault(problem, "pass another folder, or delete that file")
