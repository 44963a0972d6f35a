"""JSON that says, when it is read, what was written."""

from __future__ import annotations

import json
from typing import Any

_DEEPEST = 100  # levels of lists and tables, far below the depth at which Python gives up


def written(value: Any) -> str:
    """Write a value as JSON.

    Args:
        value: Texts, numbers, lists and tables with texts as keys; a tuple becomes a list.

    Returns:
        The text, in ASCII.

    Raises:
        TypeError: If the value holds something that JSON does not have, or is nested deeper than 100 levels.

    Example:
        >>> written({"b": [1, None], "a": 0.5})
        '{"a": 0.5, "b": [1, null]}'
        >>> written({"labels": {1: "one"}})
        Traceback (most recent call last):
        TypeError: the key 1 is no text
    """
    fault = _fault(value)
    if fault:
        raise TypeError(fault)
    try:
        return json.dumps(value, allow_nan=False, sort_keys=True)
    except ValueError as error:  # of NaN and infinity
        raise TypeError(str(error)) from None


def parsed(text: str) -> Any:
    """Read JSON.

    Args:
        text: The text.

    Returns:
        What it says.

    Raises:
        ValueError: If it is no JSON, has a key twice, or is nested deeper than 100 levels.

    Example:
        >>> parsed('{"a": [1, null]}')
        {'a': [1, None]}
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refused)
    except RecursionError:
        raise ValueError(f"it is nested deeper than {_DEEPEST} levels") from None
    fault = _fault(value)
    if fault:
        raise ValueError(fault)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} is there twice")
    return table


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")


def _fault(value: Any) -> str | None:
    level = [value]
    for _ in range(_DEEPEST):
        tables = [one for one in level if isinstance(one, dict)]
        wrong = [key for table in tables for key in table if not isinstance(key, str)]
        if wrong:
            return f"the key {wrong[0]!r:.100} is no text"
        inner = [one for table in tables for one in table.values()]
        inner += [one for several in level if isinstance(several, list | tuple) for one in several]
        level = list({id(one): one for one in inner}.values())  # what is there twice, as in itself, is looked at once
        if not level:
            return None
    return f"it is nested deeper than {_DEEPEST} levels"
