"""Runners of the programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bench.peers.registry import LAST, PEERS

OWN, BASE = "snn", "snntorch"
"""Ours with ``unroll``, the reference for losses, and snnTorch, the reference for times."""
_OURS = ("snn-functional",)


@dataclass(frozen=True)
class Contestant:
    """One column of the tables."""

    name: str  # as on the command line; a peer of the benchmark of layers
    title: str  # as at the head of the column
    module: str  # its module in the folder ``kits``
    more: tuple[str, ...] = ()  # distributions whose versions are recorded beside those of the peer
    options: dict[str, Any] = field(default_factory=dict)  # arguments for the module's ``kit``
    differs: str = ""  # why its losses differ from ours; empty if they should be the same
    note: str = ""  # what it runs

    @property
    def environment(self) -> str:
        """Name of the peer's environment."""
        return PEERS[self.name].environment

    @property
    def distributions(self) -> tuple[str, ...]:
        """Distributions whose versions are recorded."""
        return (*PEERS[self.name].distributions, *self.more)


CONTESTANTS = {
    contestant.name: contestant
    for contestant in [
        Contestant(
            BASE,
            "snnTorch",
            "snntorch_loop",
            note="a loop over steps, as in its tutorials, with its losses",
        ),
        Contestant(
            "spikingjelly",
            "SpikingJelly `m`",
            "spikingjelly_sequences",
            differs="its neurons fire at the threshold too and reset at once, before the decay; its surrogate is "
            "scaled, and its batch norm takes all steps together",
            note="whole sequences on its torch backend; losses in plain PyTorch; its fast sigmoid is `SoftSign`",
        ),
        Contestant(
            "norse",
            "Norse",
            "norse_cells",
            differs="its membrane is the one after the reset, and its surrogate is SuperSpike",
            note="a loop over steps of `LIFBoxCell`, input and reset scaled to the same equation; losses in plain "
            "PyTorch; recurrence by a linear layer beside the cell",
        ),
        Contestant(
            "torch",
            "plain PyTorch",
            "torch_loop",
            note="the equation and the surrogate written out, in a loop over steps; losses in plain PyTorch",
        ),
        Contestant(
            "snn-steps",
            "snn, loop",
            "ours",
            more=_OURS,
            options={"loop": True},
            note="a loop over steps, the same program as for snnTorch",
        ),
        Contestant(OWN, "snn, `unroll`", "ours", more=_OURS, note="`unroll(net, xs)`"),
        Contestant(
            LAST,
            "snn, last release, `unroll`",
            "ours",
            more=_OURS,
            note="`unroll(net, xs)` of our last release, with its kernels",
        ),
    ]
}
"""By name, in the order of the columns."""
