"""Measure training in float32 and under autocast in bfloat16, and write the tables of ``docs/mixed-precision.md``.

``python tools/mixed_precision.py`` takes some minutes; on a busy machine ``OMP_WAIT_POLICY=PASSIVE`` keeps its threads
from waiting for each other. The accuracies are those of three tasks whose data comes with packages: two recipes of
``docs/recipes`` and the digits of tutorial 5. The times are those of whole training steps.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import snn
from bench.report import positive, what_ran
from bench.tables import NOTHING, Table, ratios, sections
from marked import Part
from workspace import ROOT

PAGE = ROOT / "docs" / "mixed-precision.md"
PART = Part("<!-- tables: written by tools/mixed_precision.py -->", "<!-- end of the tables -->", PAGE.name)
AUTOCAST = torch.bfloat16
STEPS = 25  # time steps of the nets that are timed
THREADS = 2
_PACKAGES = ("torch", "snn-core", "snn-cpu", "snn-data")


def _dense(*widths: int) -> nn.Module:
    *pairs, last = pairwise(widths)
    layers = [m for pair in pairs for m in (nn.Linear(*pair), _leaky(0.95))]
    return nn.Sequential(*layers, nn.Linear(*last), _leaky(0.95, output=True))


def _leaky(beta: float, **options: Any) -> snn.Leaky:
    return snn.Leaky(beta=beta, init_hidden=True, **options)


def _convolutional() -> nn.Module:
    first, second = ((nn.MaxPool2d(2), _leaky(0.5)) for _ in range(2))
    read_out = nn.Flatten(), nn.Linear(64 * 4 * 4, 10), _leaky(0.5, output=True)
    return nn.Sequential(nn.Conv2d(1, 12, 5), *first, nn.Conv2d(12, 64, 5), *second, *read_out)


NETS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "784-1000-10, as in snnTorch's tutorial 5": (lambda: _dense(784, 1000, 10), (128, 784)),
    "12C5-MP2-64C5-MP2-10, as in snnTorch's tutorial 6": (_convolutional, (64, 1, 28, 28)),
    "784-2000-2000-10": (lambda: _dense(784, 2000, 2000, 10), (128, 784)),
}
"""The nets whose training steps are timed, each with the shape of its input, which is the same in all steps."""


def _recipes() -> tuple[Any, list[Any]]:
    """Return the module that trains recipes, and the recipes; they import each other by name, from their folder."""
    folder = str(ROOT / "docs" / "recipes")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    training, vowels, mnist_rows = map(importlib.import_module, ("training", "vowels", "mnist_rows"))

    def digits(options: Any = None) -> Any:
        """Load the digits, for 12 steps each; a fifth is for testing, and a fifth of the rest for validation."""
        train, test = snn.data.digits()
        chosen = snn.data.stratified_split(train.targets, share=0.2)
        parts = [(train.data[i], train.targets[i]) for i in chosen] + [(test.data, test.targets)]
        return training.Parts(
            *(snn.data.LabelledSequences([*x.flatten(1).unsqueeze(1).expand(-1, 12, -1)], y) for x, y in parts)
        )

    def net() -> nn.Module:
        return nn.Sequential(nn.Linear(64, 128), _leaky(0.9, learn_beta=True), nn.Linear(128, 10), training.read_out())

    own = training.Recipe("digits", digits, {"lif": training.Network(net, 0.01)}, epochs=12)
    return training, [own, vowels.RECIPE, mnist_rows.RECIPE]


def main(arguments: list[str]) -> None:
    """Train, and write the tables of the page."""
    parser = argparse.ArgumentParser(prog="mixed_precision.py", allow_abbrev=False)
    parser.add_argument("--seeds", type=positive, default=3, help="number of seeds, counted from 0 (default: 3)")
    parser.add_argument("--repeats", type=positive, default=15, help="steps of each net and precision (default: 15)")
    options = parser.parse_args(arguments)
    load, policy = os.getloadavg(), os.environ.get("OMP_WAIT_POLICY")
    command = f"{f'OMP_WAIT_POLICY={policy} ' if policy else ''}python tools/mixed_precision.py"
    loads = ["load of the machine before", ", ".join(f"{item:.1f}" for item in load)]
    tables = [times(options.repeats), accuracies(options.seeds)]
    threads = f"{THREADS} for the times, 1 for the accuracies"
    tables.append(what_ran(command, _PACKAGES, threads, loads))
    PART.write(PAGE, lambda: sections(tables, "###"))


def _precision(autocast: bool) -> torch.autocast:
    return torch.autocast("cpu", AUTOCAST, enabled=autocast)


def times(repeats: int) -> Table:
    """Time whole training steps of each net, alternating float32 and autocast, after two that do not count."""
    head = ["net", "float32", "bfloat16", "bfloat16 / float32, quartiles", "tensors, float32", "tensors, bfloat16"]
    return Table("Time of a training step", head, [_timed(name, repeats) for name in NETS])


def _timed(name: str, repeats: int) -> list[str]:
    build, shape = NETS[name]
    torch.manual_seed(0)
    net, xs = build(), torch.rand(shape).expand(STEPS, *shape)
    labels, optimizer = torch.randint(0, 10, shape[:1]), torch.optim.Adam(net.parameters(), lr=5e-4)
    torch.set_num_threads(THREADS)
    both = [[_step(net, xs, labels, optimizer, autocast) for autocast in (False, True)] for _ in range(repeats + 2)]
    single, mixed = zip(*both[2:], strict=True)
    low, middle, high = ratios(single, mixed)
    sizes = []
    for autocast in (False, True):
        with _precision(autocast):
            sizes.append(f"{snn.plan_memory(net, xs).predicted_bytes / 2**20:.0f} MiB")
    milliseconds = [f"{1e3 * statistics.median(column):.1f} ms" for column in (single, mixed)]
    return [name, *milliseconds, f"{middle:.2f} ({low:.2f} to {high:.2f})", *sizes]


def _step(net: nn.Module, xs: Tensor, labels: Tensor, optimizer: torch.optim.Optimizer, autocast: bool) -> float:
    began = time.perf_counter()
    optimizer.zero_grad()
    with _precision(autocast):
        _, mem = snn.unroll(net, xs)
        loss = F.cross_entropy(mem.flatten(0, 1), labels.repeat(len(mem)))
    loss.backward()
    optimizer.step()
    return time.perf_counter() - began


def accuracies(seeds: int) -> Table:
    """Train each task with some seeds, in float32 and under autocast."""
    torch.set_num_threads(1)  # as the recipes are trained
    rows = []
    training, recipes = _recipes()
    for recipe in recipes:
        parts = recipe.load(None)
        single, mixed = ([_tested(training, recipe, parts, seed, on) for seed in range(seeds)] for on in (False, True))
        gain = statistics.fmean(mixed) - statistics.fmean(single)
        spread = f"{statistics.stdev(single):.2f}" if seeds > 1 else NOTHING
        rows.append([recipe.task, _listed(single), _listed(mixed), f"{gain:+.2f}", spread])
    head = ["task", "float32: test accuracy of each seed, %", "bfloat16", "difference, points", "std of float32"]
    return Table("Accuracy", head, rows)


def _tested(training: Any, recipe: Any, parts: Any, seed: int, autocast: bool) -> float:
    options = argparse.Namespace(epochs=recipe.epochs, validate=False)
    answer = _precision(autocast)(training.answer)
    with mock.patch.object(training, "answer", answer):
        run = training.trained(recipe, "lif", recipe.networks["lif"], parts, seed, options)
    return 100 * float(run.test or 0)


def _listed(shares: list[float]) -> str:
    return ", ".join(f"{share:.1f}" for share in shares)


if __name__ == "__main__":
    main(sys.argv[1:])
