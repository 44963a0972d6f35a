"""Every package declares what it imports, and imports point one way."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import pathlib
import re
import sys
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement

from workspace import PROJECTS, ROOT, module, source

OURS = {module(name): name for name in PROJECTS}
UNDECLARED = {"snn-triton": {"triton"}}  # imported on a GPU alone, where a PyTorch for GPUs has brought it


def imports(tree: ast.AST, *, always: bool = True) -> Iterator[tuple[str, bool]]:
    """Top-level names that a module imports, each with whether importing the module imports it."""
    for node in ast.iter_child_nodes(tree):
        inside = always and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.If, ast.Try))
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], always) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0], always
        else:
            yield from imports(node, always=inside)


def imported(folder: pathlib.Path) -> set[tuple[str, bool]]:
    """Names from outside the standard library that the modules of a folder import."""
    modules = {
        entry
        for file in folder.rglob("*.py")
        if not is_for_checkers(file.relative_to(folder.parent))
        for entry in imports(ast.parse(file.read_text(encoding="utf-8"), filename=str(file)))
    }
    return {(name, always) for name, always in modules if name not in sys.stdlib_module_names and name != folder.name}


def is_for_checkers(file: pathlib.Path) -> bool:
    """Return True if Python makes the module in another way, so that only type checkers and editors read its file."""
    path = file.with_suffix("") if file.stem != "__init__" else file.parent
    spec = importlib.util.find_spec(".".join(path.parts)) if path.parts[0] == "snn" else None
    return spec is not None and spec.origin is None


def distributions(name: str) -> set[str]:
    """The distributions that may provide an import name."""
    return {name.lower() for name in importlib.metadata.packages_distributions().get(name, [name])}


def declared(project: dict, *, extras: bool) -> set[str]:
    """Names of the distributions a project declares."""
    texts = list(project["dependencies"])
    if extras:
        texts += [text for needs in project.get("optional-dependencies", {}).values() for text in needs]
    return {Requirement(text).name.lower() for text in texts}


@pytest.mark.parametrize("name", PROJECTS)
def test_a_package_declares_its_imports(name: str):
    for imported_name, always in sorted(imported(source(name))):
        if not always and imported_name in UNDECLARED.get(name, ()):
            continue
        kind = "dependency" if always else "dependency or extra"
        requirements = declared(PROJECTS[name], extras=not always)
        assert distributions(imported_name) & requirements, (
            f"{name} imports {imported_name} and declares no such {kind}"
        )


def test_the_scan_distinguishes_imports_at_the_top_from_imports_when_used():
    program = "import a.b\nfrom c import d\nfrom . import e\ntry:\n    import f\nfinally: pass\ndef g():\n    import h"
    assert set(imports(ast.parse(program))) == {("a", True), ("c", True), ("f", False), ("h", False)}


@pytest.mark.parametrize("name", sorted(PROJECTS.keys() - {"snn"}))
def test_a_leaf_imports_the_core_or_nothing_of_ours(name: str):
    ours = {name for name, _ in imported(source(name))} & OURS.keys()
    assert ours <= ({"snn_core"} if name != "snn-core" else set())


def test_the_core_imports_torch_safetensors_and_the_standard_library_only():
    assert {name for name, _ in imported(source("snn-core"))} == {"safetensors", "torch"}


@pytest.mark.parametrize("name", PROJECTS)
def test_ranges_between_our_packages_have_a_floor_and_a_cap_and_no_pin(name: str):
    project = PROJECTS[name]
    texts = [*project["dependencies"], *(t for ts in project.get("optional-dependencies", {}).values() for t in ts)]
    for requirement in map(Requirement, texts):
        if requirement.name in PROJECTS and requirement.name != name:
            assert {clause.operator for clause in requirement.specifier} == {">=", "<"}, str(requirement)


@pytest.mark.parametrize("name", PROJECTS)
def test_installed_versions_are_inside_every_declared_range(name: str):
    for requirement in map(Requirement, PROJECTS[name]["dependencies"]):
        if requirement.marker is None or requirement.marker.evaluate():
            version = importlib.metadata.version(requirement.name)
            assert requirement.specifier.contains(version, prereleases=True), f"{requirement} and {version}"


def test_every_piece_has_an_extra_of_its_name_and_all_names_every_extra():
    extras = PROJECTS["snn"]["optional-dependencies"]
    for name in PROJECTS.keys() - {"snn", "snn-core"}:
        (requirement,) = map(Requirement, extras[name.removeprefix("snn-")])
        assert requirement.name == name
    whole, *more = map(Requirement, extras["all"])
    assert whole.name == "snn"
    assert whole.extras == extras.keys() - {"all"}
    for requirement in more:  # extras of the pieces
        assert requirement.extras <= PROJECTS[requirement.name]["optional-dependencies"].keys()


def brought_by(names: set[str]) -> set[str]:
    """Return what is installed with some distributions, these included and their extras left out."""
    brought: set[str] = set()
    pending = {*names}
    while pending:
        name = pending.pop()
        brought.add(name)
        needs = map(Requirement, importlib.metadata.requires(name) or [])
        pending |= {n.name.lower() for n in needs if n.marker is None or n.marker.evaluate({"extra": ""})} - brought
    return brought


def test_the_page_of_packages_names_what_each_package_needs():
    text = (ROOT / "docs" / "packages.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[`([\w-]+)`\]\(.*\| `(\w+)` \|.*\| ([^|]+) \|$", text, re.MULTILINE)
    assert {name for name, _, _ in rows} == PROJECTS.keys()
    for name, import_name, needs in rows:
        named, needed = {*needs.split(", ")}, declared(PROJECTS[name], extras=False)
        assert import_name == module(name)
        assert named <= needed, f"{name} does not need {named - needed}"
        assert needed <= brought_by(named), f"{name} needs {needed - brought_by(named)} too"
