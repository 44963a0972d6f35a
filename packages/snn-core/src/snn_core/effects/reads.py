"""Functions of torch by name: those that read values, and those that draw random numbers."""

from __future__ import annotations

from typing import Any

from torch.overrides import resolve_name

READS = frozenset("item tolist __bool__ __float__ __int__ __index__ numpy __array__ equal allclose".split())
"""Names of the functions that read the values of a tensor into Python."""


def name_of(func: Any) -> str:
    """Return the name of a function or method, such as ``"relu"``."""
    owner = getattr(func, "__self__", None)
    name = getattr(func, "__name__", type(func).__name__)
    if name == "__get__" and owner is not None:
        return getattr(owner, "__name__", name)
    if name == "fn":  # a torch function that chooses between two by a flag
        return (resolve_name(func) or name).rpartition(".")[2]
    return name


def is_random(func: Any) -> bool:
    """Return True if the name of a function indicates that it draws random numbers."""
    name = name_of(func)
    drawn = ("rand", "normal", "bernoulli", "multinomial", "poisson", "dropout", "uniform", "exponential", "geometric")
    return name != "normalize" and any(part in name for part in (*drawn, "cauchy"))
