"""The one namespace, whichever pieces are installed."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from pathlib import Path

import pytest

import snn
import snn_core
import snn_core.utils
from snn._installing import hint

from .fresh import new_python, python

PIECES = {
    "snn.backprop": ("snn_functional", "snn-functional", "functional"),
    "snn.data": ("snn_data", "snn-data", "data"),
    "snn.export_nir": ("snn_nir", "snn-nir", "nir"),
    "snn.functional": ("snn_functional", "snn-functional", "functional"),
    "snn.import_nir": ("snn_nir", "snn-nir", "nir"),
    "snn.models": ("snn_models", "snn-models", "models"),
    "snn.nir": ("snn_nir", "snn-nir", "nir"),
    "snn.plot": ("snn_plot", "snn-plot", "plot"),
    "snn.sklearn": ("snn_functional", "snn-functional", "functional"),
    "snn.spikegen": ("snn_spikegen", "snn-spikegen", "spikegen"),
    "snn.spikeplot": ("snn_plot", "snn-plot", "plot"),
    "snn.zoo": ("snn_data", "snn-data", "data"),
}
OF_THE_CORE = ("backends", "init", "kernels", "peer", "surrogate", "utils")
ALL = tuple({package for package, _, _ in PIECES.values()})


def test_importing_the_namespace_imports_no_package_of_ours_and_no_torch():
    process = new_python("import snn; print(*sorted({name.partition('.')[0] for name in sys.modules}))")
    loaded = process.stdout.split()
    assert "snn" in loaded, process.stderr
    assert [name for name in loaded if name.startswith("snn_") or name in ("torch", "matplotlib", "sklearn")] == []


def test_importing_the_namespace_imports_no_module_that_takes_as_long_as_itself():
    code = "import sys; before = {*sys.modules}; import snn; print(*sorted({*sys.modules} - before))"
    loaded = new_python(code).stdout.split()
    assert "snn._lazy" in loaded
    slow = {"importlib.abc", "importlib.metadata", "importlib.resources", "pathlib", "re", "tempfile", "typing"}
    assert slow & {*loaded} == set()


def test_the_names_of_the_core_are_the_very_objects_of_the_core():
    names = set(snn_core.__all__) - {"__version__", *OF_THE_CORE}
    assert len(names) > 10
    assert [name for name in names if getattr(snn, name) is not getattr(snn_core, name)] == []


def test_the_stub_names_nothing_that_the_core_lacks():
    stub = ast.parse(Path(snn.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(stub) if isinstance(node, ast.ImportFrom)]
    of_core = {alias.name for node in imports if node.module == "snn_core" for alias in node.names}
    assert "Leaky" in of_core
    assert of_core - set(snn_core.__all__) == set()


@pytest.mark.parametrize("name", OF_THE_CORE)
def test_a_module_is_the_same_object_by_attribute_and_by_import(name: str):
    process = python(f"import snn\nfirst = snn.{name}\nimport snn.{name} as second\nassert first is second")
    assert process.returncode == 0, process.stderr
    assert importlib.import_module(f"snn.{name}") is getattr(snn, name)
    assert getattr(snn, name).__name__ == f"snn.{name}"


@pytest.mark.parametrize("name", OF_THE_CORE)
def test_a_module_has_every_name_of_its_module_in_the_core(name: str):
    ours, cores = getattr(snn, name), getattr(snn_core, name)
    assert [part for part in cores.__all__ if getattr(ours, part) is not getattr(cores, part)] == []
    assert set(cores.__all__) <= set(ours.__all__) <= set(dir(ours))


def test_a_name_of_a_module_can_be_imported_from_it():
    process = python("from snn.surrogate import atan\nimport snn_core\nassert atan is snn_core.surrogate.atan")
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize("name", ["nothing", "leaky", "quant"])
def test_an_unknown_name_is_an_attribute_error_with_a_message(name: str):
    with pytest.raises(AttributeError, match=f"module 'snn' has no attribute '{name}'"):
        getattr(snn, name)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("IF", r"snn\.Leaky\(beta=1\.0\) integrates and fires"), ("reset", r"snn\.utils\.reset\(net\)")],
)
def test_a_name_of_another_library_is_an_attribute_error_with_the_remedy(name: str, remedy: str):
    with pytest.raises(AttributeError, match=rf"^module 'snn' has no attribute '{name}'; {remedy}") as refusal:
        getattr(snn, name)
    assert refusal.value.obj is snn


def test_a_name_that_a_module_lacks_is_an_attribute_error_of_that_module():
    with pytest.raises(AttributeError, match=r"module 'snn\.surrogate' has no attribute 'cubic'"):
        _ = snn.surrogate.cubic
    assert not hasattr(snn.surrogate, "math")  # what the core's module imports is none of its names


@pytest.mark.parametrize(
    "program",
    ["import snn; snn.spikevision", "from snn import spikevision", "from snn.spikevision import spikedata"],
)
def test_the_peers_data_sets_are_reported_to_be_elsewhere(program: str):
    process = python(program)
    assert "ImportError: snn.spikevision" in process.stderr
    assert f"snn-data, as snn.data: {hint('snn[data]')}" in process.stderr


@pytest.mark.parametrize("module", PIECES)
@pytest.mark.parametrize(
    "touch",
    ["import snn; {module}", "from snn import {name}", "import {module}; {module}.anything", "from {module} import x"],
    ids=["attribute", "from the namespace", "name of the module", "from the module"],
)
def test_a_missing_piece_is_named_with_what_installs_it(module: str, touch: str):
    package, distribution, extra = PIECES[module]
    process = python(touch.format(module=module, name=module.removeprefix("snn.")), hidden=(package,))
    message = f"ImportError: {module} is in {distribution}: {hint(f'snn[{extra}]')}"
    assert process.stderr.splitlines()[-1] == message


@pytest.mark.parametrize(("name", "extra"), [("diagnose", "functional"), ("export", "export")])
def test_a_function_of_a_missing_piece_is_named_with_what_installs_it(name: str, extra: str):
    process = python(f"import snn\nsnn.{name}", hidden=(f"snn_{extra}",))
    message = f"ImportError: snn.{name} is in snn-{extra}: {hint(f'snn[{extra}]')}"
    assert process.stderr.splitlines()[-1] == message
    process = python(f"import snn\nassert {name!r} not in dir(snn)", hidden=(f"snn_{extra}",))
    assert process.returncode == 0, process.stderr


def test_a_missing_piece_takes_only_its_own_names_from_utils():
    program = "from snn.utils import reset, detach\nimport snn\nprint(*snn.utils.__all__)\nsnn.utils.valid_split"
    process = python(program, hidden=("snn_data",))
    assert process.stdout.split() == ["detach", "reset"]
    message = f"ImportError: snn.utils.valid_split is in snn-data: {hint('snn[data]')}"
    assert process.stderr.splitlines()[-1] == message


def test_the_listing_and_the_star_give_the_installed_names():
    program = "import snn\nprint(*dir(snn))\nfrom snn import *\nprint(Leaky.__name__, surrogate.__name__)"
    process = python(program, hidden=ALL)
    listed, imported = process.stdout.splitlines()
    assert imported == "Leaky snn.surrogate"
    assert {"Leaky", "unroll", *OF_THE_CORE} <= set(listed.split())
    assert {name.removeprefix("snn.") for name in PIECES} & set(listed.split()) == set()


def test_a_module_whose_piece_is_missing_can_still_be_listed():
    process = python("import snn.plot\nprint(*dir(snn.plot))", hidden=("snn_plot",))
    assert (process.returncode, process.stdout) == (0, "\n"), process.stderr


@pytest.mark.parametrize("name", ["snn", "snn.surrogate", "snn.utils"])
def test_the_listing_is_of_public_names_alone_whatever_was_imported(name: str):
    program = f"import snn.cli, snn.doctor, {name}\nprint(*dir({name}))\nprint(*{name}.__all__)"
    listed, public = python(program).stdout.splitlines()
    assert listed == public
    assert not [part for part in listed.split() if part.startswith("_") and part != "__version__"]
    assert not {"cli", "doctor", "factory", "demo", "annotations"} & {*listed.split()}


def test_a_broken_piece_is_not_reported_as_missing(tmp_path):
    (tmp_path / "snn_plot.py").write_text("import a_library_that_is_not_there\n", encoding="utf-8")
    process = python(f"sys.path.insert(0, {str(tmp_path)!r})\nimport snn\nsnn.plot")
    assert process.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'a_library_that_is_not_there'"


def test_the_version_is_the_umbrellas_own():
    assert snn.__version__ == importlib.metadata.version("snn")
