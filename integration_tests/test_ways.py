"""Counts of the source, and of the code that a call runs."""

from __future__ import annotations

import pathlib
import types

import pytest

import structure
import ways
from workspace import source

pytestmark = pytest.mark.needs("snn-core", "snn-export", "snn-functional", "snn-nir")


def module(name: str, text: str, **names: object) -> types.ModuleType:
    result = types.ModuleType(name)
    vars(result).update(names)
    exec(compile(text, f"{name}.py", "exec"), vars(result))
    return result


def test_a_way_is_counted_in_files_functions_switches_and_calls():
    b = module("snn_core.b", "def g(): return 1")
    other = module("torch.c", "def h(f): return f()")
    a = module("snn_core.a", "def f(): return g() + k() + k() + h(g)\ndef k(): return 2", g=b.g, h=other.h)
    # f in a, g in b, k and k in a, g in b
    assert ways.walk(a.f) == ways.Way(files=2, functions=3, switches=3, calls=5)


def test_the_import_of_a_module_is_not_a_part_of_the_way():
    text = "class A:\n    def f(self): return 1\nA().f()"
    assert ways.walk(lambda: module("snn_core.a", text)) == ways.Way(files=1, functions=1, switches=0, calls=1)


def test_imports_count_wherever_they_are(tmp_path: pathlib.Path):
    package = tmp_path / "package"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("from package import a\n")
    (package / "inner" / "__init__.py").write_text("")
    (package / "inner" / "c.py").write_text("import package.b\nimport os.path\n")
    (package / "a.py").write_text("def f():\n    from package.inner.c import name\n")
    (package / "b.py").write_text("if True:\n    from package import a, inner\n")
    graph = structure.imports(package)
    assert graph["package.b"] == {"package.a", "package.inner"}
    assert structure.circles(graph) == [["package.a", "package.b", "package.inner.c"]]
    assert structure.inner_imports(package) == ["a.py:2", "b.py:2"]


# each folder of snn-core imports only from those before it
FLOORS = "results surrogate effects programs engines neuron neurons files graph sequence init backends".split()


def test_the_folders_of_the_core_are_floors_and_nothing_is_imported_inside_a_function():
    core = source("snn-core")
    graph = structure.imports(core)
    assert structure.circles(graph) == []
    assert structure.inner_imports(core) == []
    assert {folder.name for folder in core.iterdir() if (folder / "__init__.py").exists()} == {*FLOORS}
    floors = {name: FLOORS.index(name.split(".")[1]) for name in graph if name.split(".")[1:2] and "." in name[9:]}
    upward = {(a, b) for a in floors for b in graph[a] if floors.get(b, 0) > floors[a]}
    assert upward == set()
    # of the modules beside the folders, only these are there for all of them
    beside = {
        b for a in floors for b in graph[a] if b not in floors and b.count(".") == 1 and b.split(".")[1] not in FLOORS
    }
    assert beside <= {"snn_core._version", "snn_core.peer"}


def test_programs_and_engines_know_no_neuron():
    graph = structure.imports(source("snn-core"))
    assert not any(
        b.startswith("snn_core.neuron")
        for a in graph
        if a.split(".")[1:2] in (["programs"], ["engines"])
        for b in graph[a]
    )


def test_other_packages_import_only_listed_names_of_the_core():
    assert structure.deep_imports() == []
