"""A function named on the command line, and its result."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["CannotMake", "importing_from", "made_by", "where_it_failed"]

_ANY = Exception, SystemExit


class CannotMake(Exception):
    """Error of a command that cannot run as it is called, with the reason; the exit code is then 2."""


def made_by(name: str) -> Any:
    """Call a function without arguments, named ``path/to/file.py:function`` or ``package.module:function``.

    The function can import from the folder of its file, or for a module from the working folder, as if run there.

    Returns:
        Its result.

    Raises:
        CannotMake: If there is no such function, or it fails or needs arguments.

    Example:
        >>> made_by("fractions:Fraction")
        Fraction(0, 1)
    """
    home, colon, function = name.rpartition(":")
    if not colon or not home or not function:
        raise CannotMake(f"{name!r} does not name a function; expected file.py:function or package.module:function")
    with importing_from(name):
        module = _loaded(home)
        try:
            result = getattr(module, function, None)
        except _ANY as error:  # a module may import it on demand
            raise CannotMake(f"{function} in {home} raises {where_it_failed(error, home)}") from error
        if not callable(result):
            own = (n for n, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__)
            there = [n for n in own if callable(getattr(module, n))]
            has = f"; it has {', '.join(there)}" if there else ""
            kind = "" if result is None else f", which is a {type(result).__name__}"
            raise CannotMake(f"{home} has no function {function!r}{kind}{has}")
        needs = _needed(result)
        if needs is not None:
            raise CannotMake(f"{function}{needs} in {home} needs arguments; name a function that needs none")
        try:
            return result()
        except _ANY as error:  # the user's function may raise anything
            raise CannotMake(f"{function} in {home} raises {where_it_failed(error, home)}") from error


@contextmanager
def importing_from(name: str) -> Iterator[None]:
    """Let a named function, and the object that it returned, import from its folder within a block."""
    home = name.rpartition(":")[0]
    folder = Path(home).resolve().parent if _is_file(home) else Path.cwd()
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _needed(function: Any) -> inspect.Signature | None:
    """Return the signature of a function that needs arguments; None if it needs none, or if that is unknown."""
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):  # many functions written in C have none
        return None
    try:
        signature.bind()
    except TypeError:
        return signature
    return None


def where_it_failed(error: BaseException, home: str) -> str:
    """Describe an exception in two lines: its message, and the last line of the named file that led to it.

    Args:
        error: The exception.
        home: The file, or the module's name; if none of its lines led to the exception, the last line of all is shown.

    Example:
        >>> try:
        ...     1 / 0
        ... except ZeroDivisionError as error:
        ...     print(where_it_failed(error, "net.py"))
        ZeroDivisionError: division by zero
          ..., line 2, in <module>: ...
    """
    message = f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_file(home) and Path(frame.filename) == Path(home).resolve()]
    if isinstance(error, SyntaxError):
        return f"{message}\n  {error.filename}, line {error.lineno}: {(error.text or '').strip()}"
    if not frames:
        return message
    frame = (own or frames)[-1]
    return f"{message}\n  {frame.filename}, line {frame.lineno}, in {frame.name}: {frame.line}"


def _is_file(home: str) -> bool:
    return home.endswith(".py")


def _loaded(home: str) -> ModuleType:
    try:
        return _from_file(Path(home).resolve()) if _is_file(home) else importlib.import_module(home)
    except _ANY as error:  # the user's module may raise anything
        if isinstance(error, FileNotFoundError) and error.filename == str(Path(home).resolve()):
            raise CannotMake(f"there is no file {home!r} in {Path.cwd()}") from None
        if isinstance(error, ModuleNotFoundError) and f"{home}.".startswith(f"{error.name}."):
            raise CannotMake(f"there is no module {error.name!r}; name a file with its extension: file.py") from None
        raise CannotMake(f"{home} cannot be imported: {where_it_failed(error, home)}") from error


def _from_file(path: Path) -> ModuleType:
    """Return the module of a file, which is named by its path, as no other module is."""
    if str(path) in sys.modules:
        return sys.modules[str(path)]
    spec = importlib.util.spec_from_file_location(str(path), path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[str(path)] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[str(path)]
        raise
    return module
