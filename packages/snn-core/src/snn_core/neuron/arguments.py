"""Constructors that state their own arguments, take those of their base classes too, and say so explicitly."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from inspect import Parameter
from typing import Any, Concatenate, ParamSpec, cast

P = ParamSpec("P")
_MORE = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def takes(
    order: Callable[Concatenate[Any, P], None], *, without: str = ""
) -> Callable[[Callable[..., None]], Callable[Concatenate[Any, P], None]]:
    """Make a constructor that passes ``**options`` on take the arguments of the base classes explicitly.

    The arguments are its own and those of the next constructors along the classes' order of resolution, as far as each
    passes ``**options`` on. An option is thus declared once, by the class that uses it.

    Args:
        order: The arguments that may be given by position, in their order: a name of ``signatures``.
        without: Arguments of the base classes that it does not take.

    Returns:
        The decorator.
    """
    names = cast("str", order)
    return lambda init: cast("Any", _Constructor(init, names.split(), without.split()))


class _Constructor:
    """A constructor until its class, and with that what it takes, is known."""

    def __init__(self, init: Callable[..., None], order: list[str], without: list[str]) -> None:
        self.init = init
        self.order = order
        self.without = without

    def __set_name__(self, owner: type, name: str) -> None:
        parameters, hints = _parameters(owner, self.init)
        for left_out in self.without:
            del parameters[left_out], hints[left_out]
        constructor = _constructor(self.init, self.order, parameters)
        constructor.__annotations__ = {**hints, "return": type(None)}
        constructor.__signature__ = inspect.Signature(  # pyrefly: ignore[missing-attribute]
            [
                Parameter("self", Parameter.POSITIONAL_OR_KEYWORD),
                *(parameters[n].replace(kind=Parameter.POSITIONAL_OR_KEYWORD) for n in self.order),
                *(p.replace(kind=Parameter.KEYWORD_ONLY) for n, p in parameters.items() if n not in self.order),
            ],
            return_annotation="None",
        )
        setattr(owner, name, constructor)


def _parameters(owner: type, init: Callable[..., None]) -> tuple[dict[str, Parameter], dict[str, Any]]:
    """Return the parameters of a class's constructor and their types, those of the base classes first."""
    parameters: dict[str, Parameter] = {}
    hints: dict[str, Any] = {}
    for constructor in (init, *(vars(c)["__init__"] for c in owner.__mro__[1:] if "__init__" in vars(c))):
        _, *own = inspect.signature(constructor).parameters.values()
        parameters = {p.name: p for p in own if p.kind not in _MORE} | parameters
        hints = typing.get_type_hints(constructor) | hints
        if all(p.kind is not Parameter.VAR_KEYWORD for p in own):
            break
    return parameters, {name: hints[name] for name in parameters}


def _constructor(init: Callable[..., None], order: list[str], parameters: dict[str, Parameter]) -> Callable[..., None]:
    accepted = frozenset(parameters)
    required = frozenset(n for n, p in parameters.items() if p.default is Parameter.empty)

    @functools.wraps(init)
    def constructor(self: Any, /, *args: Any, **options: Any) -> None:
        named = dict(zip(order, args, strict=False), **options) if args else options
        if len(named) < len(args) + len(options) or not required <= named.keys() <= accepted:
            raise TypeError(f"{init.__qualname__}() {_misuse(order, parameters, args, options)}")
        init(self, **named)

    return constructor


def _misuse(order: list[str], parameters: dict[str, Parameter], args: tuple[Any, ...], options: dict[str, Any]) -> str:
    """Say in Python's words why arguments do not fit."""
    if len(args) > len(order):
        return f"takes at most {len(order)} arguments by position but {len(args)} were given"
    for name in options:
        if name in order[: len(args)]:
            return f"got multiple values for argument {name!r}"
        if name not in parameters:
            return f"got an unexpected keyword argument {name!r}"
    missing = [n for n in order[len(args) :] if parameters[n].default is Parameter.empty and n not in options]
    plural = "" if len(missing) == 1 else "s"
    return f"missing {len(missing)} required argument{plural}: {' and '.join(map(repr, missing))}"
