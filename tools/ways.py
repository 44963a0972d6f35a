"""Count what a reader of the packages has to follow: ``python tools/ways.py``, or with ``--json``.

The first table shows how many files and functions of ours some calls run, with everything that is installed; the second
shows counts of the source text (``structure.py``). These are measures, and none of them is a limit.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import itertools
import json
import multiprocessing
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import snn_core
import snn_export
import snn_functional
import snn_nir
import structure
from workspace import PROJECTS, module

NUM_STEPS, BATCH, FEATURES = 100, 32, 64


@dataclasses.dataclass
class Way:
    """The code of our packages that one call runs: files, functions, calls, and changes from one file to another."""

    files: int
    functions: int
    switches: int
    calls: int


def walk(call: Callable[[], object], packages: tuple[str, ...] | None = None) -> Way:
    """Count the files and functions of packages, by default all of ours, that a call runs.

    What a module does when it is imported does not count.

    Example:
        >>> walk(lambda: snn_core.decay(tau=20e-3, dt=1e-3))
        Way(files=1, functions=2, switches=0, calls=3)
    """
    names = tuple(map(module, PROJECTS)) if packages is None else packages
    ours: dict[CodeType, bool] = {}
    ways: list[CodeType] = []

    def note(frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if code not in ours:
            package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
            ours[code] = package in names and bool(code.co_flags & inspect.CO_OPTIMIZED)  # no module, no class body
        if event == "call" and ours[code]:
            ways.append(code)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    files = [code.co_filename for code in ways]
    switches = sum(a != b for a, b in itertools.pairwise(files))
    return Way(len({*files}), len({*ways}), switches, len(ways))


class OwnForward(nn.Module):
    """A net with a ``forward`` of its own: a residual block in front of a neuron."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(FEATURES, FEATURES)
        self.leaky = snn_core.Leaky(beta=0.9, init_hidden=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.leaky(torch.relu(self.linear(x)) + x)


class OwnNeuron(snn_core.SpikingNeuron):
    """A neuron as a user writes it."""

    class State(NamedTuple):
        """Its state."""

        mem: Tensor

    def __init__(self, beta: float, **options: Any) -> None:
        super().__init__(**options)
        self.constant("beta", beta)

    def integrate(self, x: Tensor, state: Any) -> Any:
        return self.State(self.beta * state.mem + torch.tanh(x))


def _sequential() -> nn.Sequential:
    return nn.Sequential(nn.Linear(FEATURES, FEATURES), snn_core.Leaky(beta=0.9, init_hidden=True))


def _unrolled(net: nn.Module) -> Callable[[Tensor], Any]:
    return lambda xs: snn_core.unroll(net, xs)


# what each call needs is built before it; calls that learn nothing from an earlier one are counted once
CASES: dict[str, Callable[[], Callable[[Tensor], Any]]] = {
    "unroll(Sequential(Linear, Leaky), xs)": lambda: _unrolled(_sequential()),
    "unroll(a net with its own forward, xs)": lambda: _unrolled(OwnForward()),
    "a user's neuron .unroll(xs)": lambda: OwnNeuron(beta=0.9).unroll,
    "AdLIF .unroll(xs)": lambda: snn_core.AdLIF(beta=0.9, rho=0.8, a=0.1, b=0.5).unroll,
    "SLSTM .unroll(xs)": lambda: snn_core.SLSTM(FEATURES, FEATURES).unroll,
}
ONCE: dict[str, Callable[[], Callable[[Tensor], Any]]] = {
    "to_nir(net, x)": lambda: lambda xs: snn_nir.to_nir(_sequential(), xs[0]),
    "export(net, x, format='c')": lambda: lambda xs: snn_export.export(_sequential(), xs[0, :1], format="c"),
    "energy(net, xs)": lambda: lambda xs: snn_functional.energy(_sequential(), xs),
    "diagnose(net, xs)": lambda: lambda xs: snn_functional.diagnose(_sequential(), xs),
}


def _output(result: Any) -> Tensor:
    return result if isinstance(result, Tensor) else _output(result[0])


def ways(name: str) -> dict[str, Way]:
    """Count what one of the ``CASES`` runs at its first call, at a later call and backward; of ``ONCE`` the first.

    The first call is the first only in a process that has run nothing else.
    """
    torch.manual_seed(0)
    xs = torch.rand(NUM_STEPS, BATCH, FEATURES)
    if name in ONCE:
        once = ONCE[name]()
        return {"first": walk(lambda: once(xs))}
    call, outputs = CASES[name](), []
    counts = {"first": walk(lambda: call(xs.clone().requires_grad_()))}
    _output(call(xs.clone().requires_grad_())).sum().backward()
    counts["later"] = walk(lambda: outputs.append(call(xs.clone().requires_grad_())))
    loss = _output(outputs[0]).sum()
    return {**counts, "backward": walk(loss.backward)}


def all_ways() -> dict[str, dict[str, Way]]:
    """Count every case, each in a process of its own."""
    names = [*CASES, *ONCE]
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        return dict(zip(names, pool.map(ways, names, chunksize=1), strict=True))


def main() -> None:
    """Print the two tables, or both as one JSON object."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object in place of the tables")
    as_json = parser.parse_args().json
    counts, text = all_ways(), structure.counts()
    kernels = [name for name, usable, _ in snn_core.kernels.status() if usable]
    if as_json:
        rows = {name: {when: dataclasses.asdict(way) for when, way in row.items()} for name, row in counts.items()}
        print(json.dumps({"kernels": kernels, "ways": rows, "structure": text}, indent=2))
        return
    print(f"with kernels for: {', '.join(kernels) or 'nothing; install those of snn-cpu for the default way'}\n")
    print(f"{'what our packages run in':<50}{'files':>8}{'functions':>11}{'switches':>10}{'calls':>9}")
    for name, row in counts.items():
        for when, way in row.items():
            print(f"{f'{name}, {when}':<50}{way.files:>8}{way.functions:>11}{way.switches:>10}{way.calls:>9}")
    print()
    for name, count in text.items():
        print(f"{name:<60}{count:>10}" if isinstance(count, int) else f"{name}:\n  " + "\n  ".join(map(str, count)))


if __name__ == "__main__":
    main()
