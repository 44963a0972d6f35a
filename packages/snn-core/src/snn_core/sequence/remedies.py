"""The changes to a net that make it run layer by layer, by the reason why it runs step by step."""

from __future__ import annotations

import re

_REMEDIES = {
    r"reads a value into Python": 'use torch.where(x.sum() > 0, x, -x) and the like; or schedule="layers", if the '
    "value is the same in every step",
    r"changes the parameter": "change parameters before or after the sequence",
    r"which it changes, before and after": "use the buffer only before the neuron, or only behind it",
    r"changes .* while it runs": "keep it as a state of a neuron of your own, or in a buffer that you change in place",
    r"random numbers (that )?depend on": "draw with torch.bernoulli or torch.rand_like, for which values do not decide "
    "how many numbers are drawn",
    r"generator of its own": "draw random numbers from torch's own generator",
    r"shape depends on values": "multiply by a mask, as x * (x > 0), instead of selecting with x[x > 0]",
    r"defines its own gradient": "use torch's functions; y + (f(x) - y).detach() has the value of f(x) and the "
    "gradient of y",
    r"overwrites a tensor": "make a new tensor, as y = y + x does, instead of y += x",
    r"(reads|writes) the state": "return the state from the neuron, which output=True does, and use it there",
    r"resets the state": "reset between sequences; unroll starts from rest unless resume=True",
    r"detaches the state": "cut the gradient with chunk= and truncate=True",
    r"is called twice": "make a neuron for each call",
    r"not registered in the net": "assign the module to an attribute of the net, or put it into an nn.ModuleList",
    r"has init_hidden=False": "pass init_hidden=True to the neuron",
    r"neither the net's nor computed": "register the tensor as a buffer of the net",
    r"has a hook": "remove the hook; a monitor of snn_functional.probe sees every step of a sequence too",
}


def remedy_of(reason: str) -> str:
    """Return what to change for a reason why a net runs step by step; an empty string if nothing is known.

    Example:
        >>> remedy_of("'lif' (Leaky) is called twice in one step")
        'make a neuron for each call'
    """
    return next((remedy for pattern, remedy in _REMEDIES.items() if re.search(pattern, reason)), "")
