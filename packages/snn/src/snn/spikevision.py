"""The module where snnTorch had its data sets; importing them from here says where data sets are."""

from typing import Any

from snn._installing import command


def __getattr__(name: str) -> Any:
    # tools ask modules for names of their own, which are to be merely absent
    if name == "spikedata":
        raise ImportError(f"{__name__}.{name}: data sets are in snn-data: {command('snn[data]')}, then snn.data")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
