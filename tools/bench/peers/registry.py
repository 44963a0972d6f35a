"""The peers by name: the title of their columns, where they run, and where their conventions differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ENVIRONMENTS = {
    "snntorch": ("snntorch==1.0.0", "torch", "numpy"),
    "spikingjelly": ("spikingjelly==2.0.0", "numpy"),
    "norse": ("norse==1.1.0", "numpy"),
    "sinabs": ("sinabs==3.1.3", "numpy"),
    "spyx": ("spyx==1.0.0", "jax==0.10.2", "numpy"),
}
"""What is installed in the environment of each library; ours and the plain loop run in that of the benchmark."""
LAST, LAST_STEPS = "snn-last", "snn-last-steps"
"""Our last release, which is built from its commit; its environment has the same name."""


@dataclass(frozen=True)
class Peer:
    """One column of the tables."""

    name: str  # as on the command line
    title: str  # as at the head of the column
    module: str  # its module in this folder
    environment: str = ""  # one of ``ENVIRONMENTS``, or ``LAST``; empty for the one that the benchmark itself runs in
    distributions: tuple[str, ...] = ("torch",)  # distributions whose versions are recorded
    options: dict[str, Any] = field(default_factory=dict)  # arguments for the module's ``make``
    only: tuple[str, ...] = ()  # kinds of nets that it runs; empty for all
    leaky_only: bool = False  # it has no other neuron with the equations of the workloads
    immediate: bool = False  # its spikes reset at once, before the decay
    attached: bool = False  # its reset carries a gradient
    late: bool = False  # each layer's spikes come a step later
    gradients_differ: str = ""  # why its gradients cannot equal those of the reference
    note: str = ""  # what it runs, and what else differs


OWN, TUNED, STEPS, REFERENCE = "snn", "snn-tuned", "snn-steps", "torch"


def _ours(name: str, title: str, note: str, **more: Any) -> Peer:
    return Peer(name, title, "snn_unroll", distributions=("snn-core", "snn-cpu", "torch"), note=note, **more)


def _theirs(
    name: str, title: str, module: str, note: str, environment: str = "", leaky_only: bool = True, **more: Any
) -> Peer:
    place = environment or name
    return Peer(name, title, module, place, (place, "torch"), note=note, leaky_only=leaky_only, **more)


_AT_ONCE = (
    "whole sequences, which this version runs with its PyTorch reference on every CPU; it resets at once, before the "
    "decay, and no option changes that, so it is compared with a loop that does the same"
)
_CHUNKED = "`unroll(net, xs, chunk=50)`: full gradients, recomputed 50 steps at a time"
_BY_STEP = '`unroll(net, xs, schedule="steps")`: what a loop over `net(xs[t])` costs'
_STEPS: dict[str, Any] = {"options": {"schedule": "steps"}}
_TUNING = "`unroll(net, xs)` after `snn_cpu.tune_allocator()`, which affects the whole process"
_SINABS = (
    "`LIF` layers over whole sequences, reset scaled to the same equation; its reset carries a gradient, so it is "
    "compared with a loop whose reset does too"
)
_SPYX = (
    "compiled before it is timed; spikes are shifted back before they are compared; its backward time is the time of "
    "forward and backward together minus that of forward"
)
PEERS = {
    peer.name: peer
    for peer in [
        _ours(OWN, "snn", "`unroll(net, xs)`"),
        _ours(TUNED, "snn, tuned", _TUNING, options={"tune": True}),
        _ours(LAST, "snn, last release", "`unroll(net, xs)` of our last release, with its kernels", environment=LAST),
        _ours("snn-chunked", "snn, chunk=50", _CHUNKED, options={"chunk": 50}, only=("stack",)),
        _ours(STEPS, "snn, step loop", _BY_STEP, **_STEPS),
        _ours(LAST_STEPS, "snn, last release, step loop", "the same in our last release", environment=LAST, **_STEPS),
        Peer(REFERENCE, "plain PyTorch loop", "torch_loop", note="the equations written out, a step at a time"),
        _theirs("snntorch", "snnTorch", "snntorch_loop", "a loop over steps, as in its tutorials", leaky_only=False),
        _theirs("spikingjelly", "SpikingJelly `m`", "spikingjelly_steps", _AT_ONCE, immediate=True),
        _theirs(
            "spikingjelly-s",
            "SpikingJelly `s`",
            "spikingjelly_steps",
            "a step at a time, where that may be faster",
            "spikingjelly",
            options={"mode": "s"},
            only=("conv", "recurrent"),
            immediate=True,
        ),
        _theirs(
            "norse",
            "Norse",
            "norse_cells",
            "`LIFBoxCell` in `SequentialState`, input and reset scaled to the same equation",
            attached=True,
            gradients_differ="its surrogate is SuperSpike",
        ),
        _theirs("sinabs", "Sinabs", "sinabs_layers", _SINABS, attached=True),
        Peer(
            "spyx",
            "Spyx (JAX, jit)",
            "spyx_scan",
            "spyx",
            ("spyx", "jax", "flax"),
            leaky_only=True,
            attached=True,
            late=True,
            gradients_differ="each layer's spikes come a step later",
            note=_SPYX,
        ),
    ]
}
