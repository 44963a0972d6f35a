"""The module in which snnTorch had its data sets; imports from here say where data sets are now."""

from typing import Any

from snn._installing import hint


def __getattr__(name: str) -> Any:
    # tools look for names of their own in modules, which must simply be absent
    if name == "spikedata":
        raise ImportError(f"{__name__}.{name}: data sets are in snn-data, as snn.data: {hint('snn[data]')}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
