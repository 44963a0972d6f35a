"""Show on the page of a neuron all arguments that it takes, including those that a base class describes.

A docstring describes what its class adds, once for all subclasses. Here a page gets the rest, in the order of the
signature, and the sentence that refers to the base class is removed.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

from sphinx.application import Sphinx

import snn_core

_HEAD = "Args:"
_ENTRY = re.compile(r"    (\*{0,2}\w+): ")
_ELSEWHERE = re.compile(r"(?:    \*\*options: )?The other options ")
_SECTION = re.compile(r"(?:Shape|Returns|Raises|Example|Source):")


def entries(docstring: str) -> dict[str, list[str]]:
    r"""Return the lines that describe each argument, by its name, from a docstring in Google's style.

    Example:
        >>> entries("Do it.\n\nArgs:\n    x: A number,\n        or two.\n\nReturns:\n    None.")
        {'x': ['    x: A number,', '        or two.']}
    """
    descriptions: dict[str, list[str]] = {}
    name = None
    lines = docstring.splitlines()
    for line in lines[lines.index(_HEAD) + 1 :] if _HEAD in lines else ():
        if line and not line.startswith("    "):
            break
        entry = _ENTRY.match(line)
        name = entry[1] if entry else name
        if name and line:
            descriptions.setdefault(name, []).append(line)
    return descriptions


def inherited(thing: type) -> list[str]:
    """Return the lines of an ``Args`` section for the arguments of a class that only its bases describe."""
    own = entries(inspect.cleandoc(thing.__doc__ or ""))
    known: dict[str, list[str]] = {}
    for base in thing.__mro__[1:]:
        if base.__module__.startswith("snn_"):
            known = entries(inspect.cleandoc(vars(base).get("__doc__") or "")) | known
    parameters = inspect.signature(thing).parameters
    names = list(parameters)
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        names += [name for name in known if name not in parameters]
    return [line for name in names if name not in own for line in known.get(name, [])]


def complete(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Add the arguments to the docstring of a class, before its sections become lists."""
    if not (inspect.isclass(thing) and issubclass(thing, snn_core.SpikingNeuron)):
        return
    lines[:] = [line for line in lines if not _ELSEWHERE.match(line)]
    if _HEAD not in lines:
        section = next((i for i, line in enumerate(lines) if _SECTION.match(line)), len(lines))
        lines[section:section] = [_HEAD, ""]
    end = lines.index(_HEAD) + 1
    while end < len(lines) and lines[end].startswith("    "):
        end += 1
    lines[end:end] = inherited(thing)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension; it runs before the extension that reads the sections."""
    app.connect("autodoc-process-docstring", complete, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
