"""A task of the demonstration: its program, with the numbers of a run in place of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec, module_from_spec
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

import snn
from snn.demo.settings import settings_of

__all__ = ["Batch", "Part", "Parts", "Task", "present"]

# A part of the data: samples and their targets ``[samples]``; ``data`` is a tensor, or a list of sequences.
Part = Any
# for each task its title, the kind of its samples, and its classes
_ABOUT: dict[str, tuple[str, Literal["image", "sequence"], tuple[str, ...]]] = {
    "digits": ("handwritten digits of 8 by 8 pixels", "image", tuple("0123456789")),
    "mnist": ("handwritten digits of 28 by 28 pixels", "image", tuple("0123456789")),
    "vowels": ("Japanese vowels, by speaker", "sequence", tuple(f"speaker {number}" for number in range(1, 10))),
}


class Parts(NamedTuple):
    """The data from which a network learns, and the data with which it is tested."""

    train: Part
    test: Part


class Batch(NamedTuple):
    """The input of a network, ``[num_steps, batch, ...]``, and the number of steps of each sample if they differ."""

    input: Tensor
    targets: Tensor
    lengths: Tensor | None = None


class Task:
    """A task. Its network is written for one step and returns ``[batch, classes]`` output spikes."""

    program: Any
    name: str
    settings: Any
    title: str
    kind: Literal["image", "sequence"]
    classes: tuple[str, ...]

    def __init__(self, name: str, settings: Any) -> None:
        expected = settings_of(name)
        if not isinstance(settings, expected):
            raise TypeError(f"the task {name!r} takes {expected.__name__}, got {type(settings).__name__}")
        spec = find_spec(f"snn.demo.programs.{name}")
        assert spec is not None
        assert spec.loader is not None
        self.program = module_from_spec(spec)  # a new one for each task, since it has the numbers of a run
        spec.loader.exec_module(self.program)
        vars(self.program).update({word.upper(): value for word, value in asdict(settings).items()})
        self.name = name
        self.settings = settings
        self.title, self.kind, self.classes = _ABOUT[name]

    def load(self) -> Parts:
        """Return the data."""
        return Parts(*self.program.load())

    def new_network(self) -> nn.Module:
        """Return the network before any training; torch's global generator is left as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            return self.program.Net()

    def batch(self, part: Part, chosen: Sequence[int], generator: torch.Generator | None = None) -> Batch:
        """Return some samples in the form of the network's input; without a generator they are not augmented."""
        return Batch(*self.program.batch(part, list(chosen), generator))


def present(net: nn.Module, batch: Batch) -> Tensor:
    """Show a batch to a network, from rest.

    Returns:
        Output spikes ``[num_steps, batch, classes]``, none after the end of a sample.
    """
    return snn.unroll(net, batch.input, lengths=batch.lengths)
