"""A function named on the command line: what it makes, and what is said if it makes nothing."""

from __future__ import annotations

import sys

import pytest

from snn.factory import CannotMake, made_by

from .fresh import python

PROGRAM = """
from dataclasses import dataclass

import beside

@dataclass
class Made:
    number: int = beside.NUMBER

def make():
    import beside_too
    return Made(beside_too.NUMBER)

def make_of(size, *, depth=2):
    return size

def fails():
    numbers = []
    return numbers[3]

def fails_below():
    return int("three")

def leaves():
    raise SystemExit("no net today")

value = 3
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "beside.py").write_text("NUMBER = 3\n", encoding="utf-8")
    (tmp_path / "beside_too.py").write_text("NUMBER = 4\n", encoding="utf-8")
    path = tmp_path / "things.py"
    path.write_text(PROGRAM, encoding="utf-8")
    yield path
    for name in ("beside", "beside_too", str(path)):
        sys.modules.pop(name, None)


def test_a_function_of_a_file_is_called_and_imports_what_is_beside_it(file):
    before = list(sys.path)
    assert made_by(f"{file}:make").number == 4
    assert made_by(f"{file}:Made").number == 3
    assert sys.path == before


def test_a_file_is_run_once(file):
    assert type(made_by(f"{file}:make")) is type(made_by(f"{file}:Made"))


def test_a_file_is_found_from_the_working_folder(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    assert made_by("things.py:make").number == 4
    assert made_by("./things.py:make").number == 4


def test_a_function_of_a_module_of_the_working_folder_is_called(file):
    program = "from snn.factory import made_by\nprint(made_by('things:make').number)"
    assert python(program, cwd=file.parent).stdout == "4\n"


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("{file}", "does not name a function; expected file.py:function or package.module:function"),
        ("{file}:", "does not name a function"),
        (":make", "does not name a function"),
        ("{folder}/absent.py:make", "there is no file '.*absent.py' in "),
        ("no_such_package.net:make", "there is no module 'no_such_package'; name a file with its extension: file.py"),
        ("{file}:mak", "has no function 'mak'; it has Made, make, make_of, fails, fails_below, leaves$"),
        ("{file}:value", "has no function 'value', which is a int; it has Made"),
        ("{file}:make_of", r"make_of\(size, \*, depth=2\) in .* needs arguments; name a function that needs none"),
        (
            "{file}:fails",
            r"raises IndexError: list index out of range\n  .*things.py, line \d+, in fails: return numbers",
        ),
        ("torch:zeros", r"zeros in torch raises TypeError: zeros\(\) "),  # the rest differs between versions
        ("builtins:dict.fromkeys", "builtins has no function 'dict.fromkeys'"),
        ("builtins:next", "next in builtins raises TypeError: next expected at least 1 argument"),
        ("{file}:leaves", r"leaves in .* raises SystemExit: no net today\n  .*things.py, line \d+, in leaves: raise"),
        ("{file}:fails_below", r"(?s)raises ValueError: .*line \d+, in fails_below: return int\(\"three\"\)"),
    ],
)
def test_a_failed_factory_is_reported(name, complaint, file):
    with pytest.raises(CannotMake, match=complaint):
        made_by(name.format(file=file, folder=file.parent))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "import not_there\n",
            r"cannot be imported: ModuleNotFoundError: No module named 'not_there'\n  .*line 1, in <module>",
        ),
        ("x = [\n", r"cannot be imported: SyntaxError: .*\n  .*broken.py, line 1"),
        (
            "\nopen('no such file')\n",
            r"cannot be imported: FileNotFoundError: .*\n  .*broken.py, line 2, in <module>: open",
        ),
        (
            "\nimport sys\nsys.exit(3)\n",
            r"cannot be imported: SystemExit: 3\n  .*broken.py, line 3, in <module>: sys.exit",
        ),
        (
            "1 / 0\n",
            r"cannot be imported: ZeroDivisionError: division by zero\n  .*broken.py, line 1, in <module>: 1 / 0",
        ),
    ],
)
def test_a_file_that_fails_to_import_is_reported_with_its_place(text, complaint, tmp_path):
    path = tmp_path / "broken.py"
    path.write_text(text, encoding="utf-8")
    before = list(sys.path)
    with pytest.raises(CannotMake, match=complaint):
        made_by(f"{path}:make")
    assert str(path) not in sys.modules
    assert sys.path == before


def test_a_function_without_a_signature_that_needs_no_arguments_is_called():
    assert made_by("builtins:dict") == {}
    assert made_by("builtins:str") == ""


def test_a_function_that_cannot_be_imported_on_demand_is_reported(tmp_path):
    path = tmp_path / "lazy.py"
    path.write_text("def __getattr__(name):\n    raise ImportError('nothing is installed')\n", encoding="utf-8")
    complaint = r"make in .* raises ImportError: nothing is installed\n  .*lazy.py, line 2, in __getattr__: raise"
    with pytest.raises(CannotMake, match=complaint):
        made_by(f"{path}:make")
    del sys.modules[str(path)]
