"""Write the stub from which type checkers and editors read the neurons' constructors: ``python tools/signatures.py``.

``snn_core/neuron/signatures.py``, with the order of positional options, and the constructors define what each neuron
takes; the stub beside that file repeats it in full.
"""

from __future__ import annotations

import inspect
import json
from typing import Any

import snn_core
from snn_core.neuron import signatures
from workspace import ROOT

STUB = ROOT / "packages" / "snn-core" / "src" / "snn_core" / "neuron" / "signatures.pyi"
_HEAD = '''\
"""Every neuron's constructor, written by ``python tools/signatures.py``."""

from collections.abc import Callable
from typing import Any, Concatenate, Literal, ParamSpec

import torch
from torch import Tensor

P = ParamSpec("P")

def takes(
    order: Callable[Concatenate[Any, P], None], *, without: str = ""
) -> Callable[[Callable[..., None]], Callable[Concatenate[Any, P], None]]: ...'''


def stub() -> str:
    """Return the text of the stub.

    Returns:
        A function for each neuron in ``signatures``, with the signature of its constructor.

    Example:
        >>> print(stub().partition("def Leaky(")[2].partition("spike_grad")[0])
        <BLANKLINE>
            self: Any,
            beta: float | Tensor,
            threshold: float | Tensor = 1.0,
    """
    orders = [name for name, order in vars(signatures).items() if isinstance(order, str) and not name.startswith("_")]
    return "\n".join([_HEAD, *(_function(name, getattr(snn_core, name)) for name in orders)])


def _function(name: str, neuron: type) -> str:
    lines, by_name = ["self: Any"], False
    for parameter in inspect.signature(neuron).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not by_name:
            lines.append("*")
            by_name = True
        value = "" if parameter.default is parameter.empty else f" = {_literal(parameter.default)}"
        lines.append(f"{parameter.name}: {parameter.annotation}{value}")
    body = "".join(f"    {line},\n" for line in lines)
    return f"def {name}(\n{body}) -> None: ..."


def _literal(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def main() -> None:
    """Write the stub into the tree."""
    STUB.write_text(stub() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
