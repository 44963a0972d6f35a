"""A net named on the command line, and random numbers for its input."""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from snn._installing import missing
from snn.factory import CannotMake, importing_from, made_by, where_it_failed
from snn.whole_number import sizes

__all__ = ["function_of", "made_net", "named_batch", "printed", "random_batch", "running", "shape"]

_GIB = 2**30


def function_of(piece: str, name: str) -> Any:
    """Return a function of one of our packages, such as ``"functional"``, which may not be installed."""
    try:
        return getattr(importlib.import_module(f"snn_{piece}"), name)
    except ModuleNotFoundError as error:
        raise CannotMake(missing(error, f"snn[{piece}]")) from None


def made_net(name: str) -> Any:
    """Return the net that a named function makes."""
    from torch import nn

    net = made_by(name)
    if not isinstance(net, nn.Module):
        raise CannotMake(f"{name} returns a {type(net).__name__}; it must return a torch.nn.Module")
    return net


def printed(compute: Callable[[], Any], as_json: bool) -> int:
    """Print the result of a command, as text or the JSON of its ``to_dict()``, and return 0.

    The net's own output goes to stderr.
    """
    with redirect_stdout(sys.stderr):
        result = compute()
    print(json.dumps(result.to_dict(), indent=2) if as_json else result)
    return 0


def shape(text: str) -> tuple[int, ...]:
    """Read the shape of a batch."""
    return sizes(text, least=2, expected="numbers of steps, of samples and of features")


def random_batch(of_shape: tuple[int, ...]) -> Any:
    """Return random numbers from 0 to 1, the same in every call."""
    import torch

    size = math.prod(of_shape) * torch.float32.itemsize
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 2**63
    if size > there:
        raise CannotMake(
            f"--shape {','.join(map(str, of_shape))} takes {size / _GIB:,.1f} GiB, more than the "
            f"{there / _GIB:,.1f} GiB of this machine; name a smaller batch"
        )
    return torch.rand(of_shape, generator=torch.Generator().manual_seed(0))


def named_batch(options: argparse.Namespace, second: str) -> tuple[Any, Any]:
    """Return the batch that ``--batch`` or ``--shape`` names, and its companion, such as labels, or None."""
    from torch import Tensor

    made = made_by(options.batch) if options.batch else random_batch(options.shape)
    batch, other = made if isinstance(made, tuple | list) and len(made) == 2 else (made, None)
    if not isinstance(batch, Tensor):
        raise CannotMake(
            f"{options.batch} returns a {type(made).__name__}; it must return a torch.Tensor [num_steps, batch, ...], "
            f"or a pair of such a tensor and {second}"
        )
    return batch, other


@contextmanager
def running(name: str, batch: Any, remedy: str = "") -> Iterator[None]:
    """Let a named net import from its folder within a block, and say why if it does not run over a batch."""
    try:
        with importing_from(name):
            yield
    except Exception as error:  # the user's net may raise anything
        why = where_it_failed(error, name.rpartition(":")[0])
        notes = [f"\n{note}" for note in getattr(error, "__notes__", ())]
        raise CannotMake("".join([f"the net does not run over {tuple(batch.shape)}: {why}", *notes, remedy])) from error
