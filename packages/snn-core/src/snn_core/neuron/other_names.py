"""Names from other libraries and names that users guess, and what to use instead."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

_INSTEAD = {
    "LIFNode LIFBoxCell": "snn.Leaky(beta=snn.decay(tau, dt)) is the leaky integrate-and-fire neuron",
    "LIFCell CubaLIF": "snn.Synaptic(alpha, beta) is the neuron with a synaptic current",
    "LIFRecurrentCell": "snn.RSynaptic(alpha, beta, linear_features=n) has a synaptic current and a recurrence",
    "LI LICell": "snn.Leaky(beta=0.9, reset_mechanism='none', output=True) also returns its membrane",
    "IF IFNode IFCell": "snn.Leaky(beta=1.0) integrates and fires without a leak",
    "PLIF ParametricLIF ParametricLIFNode": "snn.Leaky(beta=0.9, learn_beta=True) learns its decay",
    "reset reset_net": "snn.utils.reset(net) puts the neurons of a net at rest",
    "detach detach_net": "snn.utils.detach(net) cuts the states of a net off the graph",
    "set_step_mode multi_step_forward Lift": "snn.unroll(net, xs) runs a net over all steps",
}
REMEDIES = {name: remedy for names, remedy in _INSTEAD.items() for name in names.split()}


def explains(module: str) -> Callable[[str], NoReturn]:
    """Return the ``__getattr__`` of a module, whose error names what to use instead of a name that users look for."""

    def look_up(name: str) -> NoReturn:
        remedy = f"; {REMEDIES[name]}" if name in REMEDIES else ""
        unknown = f"module {module!r} has no attribute {name!r}{remedy}"
        raise AttributeError(unknown, name=name, obj=sys.modules[module])

    return look_up
