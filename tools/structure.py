"""Count what makes the source hard to follow: circles of imports, inner imports, private and public names, lengths.

``ways.py`` prints these counts.
"""

from __future__ import annotations

import ast
import functools
import pathlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping

import torch
from torch import nn

import public_names
from workspace import PROJECTS, ROOT, source

CORE = "snn_core"
PUBLIC = {f"{CORE}.kernels", f"{CORE}.peer", f"{CORE}.utils"}
LONGEST, LONG = 8, 60
_PRIVATE = re.compile(r"_(?!_)\w")


@functools.cache
def _tree(file: pathlib.Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _modules(root: pathlib.Path) -> dict[str, pathlib.Path]:
    """Return the file of each module of a package by the module's full name."""
    names = {}
    for file in sorted(root.rglob("*.py")):
        parts = file.relative_to(root.parent).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return names


def _imported(node: ast.AST) -> list[str]:
    """Return what an import statement may import: modules, and names of modules, by their full names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _module_of(name: str, modules: Mapping[str, pathlib.Path]) -> str:
    """Return the module of a full name: itself, or the module that has it; "" for that of others."""
    return next((m for m in (name, name.rpartition(".")[0]) if m in modules), "")


def imports(root: pathlib.Path) -> dict[str, set[str]]:
    """Return which modules of a package each of its modules imports, anywhere in its text.

    Example:
        >>> "snn_core.neuron.spiking" in imports(source("snn-core"))["snn_core.neurons.leaky"]
        True
    """
    modules = _modules(root)
    return {
        name: {_module_of(n, modules) for node in ast.walk(_tree(file)) for n in _imported(node)} - {"", name}
        for name, file in modules.items()
    }


def inner_imports(root: pathlib.Path) -> list[str]:
    """Return the places where a module imports another of its package anywhere but at its top."""
    modules = _modules(root)
    return [
        f"{file.relative_to(root)}:{node.lineno}"
        for file in modules.values()
        for node in ast.walk(_tree(file))
        if node not in _tree(file).body and any(_module_of(name, modules) for name in _imported(node))
        if isinstance(node, ast.stmt)
    ]


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules of which each imports every other, by way of others or not.

    Example:
        >>> circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": {"e"}})
        [['a', 'b', 'c']]
    """
    reached: dict[str, set[str]] = {}
    for start in graph:
        names, rest = set(), [start]
        while rest:
            new = graph[rest.pop()] - names
            names |= new
            rest += new
        reached[start] = names
    groups = {tuple(sorted(n for n in reached[name] if name in reached[n])) for name in graph if name in reached[name]}
    return [[*group] for group in sorted(groups) if len(group) > 1]


def deep_imports() -> list[tuple[str, str]]:
    """Return the imports of our other packages from within snn-core: the place of each, and the module.

    The names of snn_core, of its folders and of its public modules are there to be imported.
    """
    modules = _modules(source("snn-core"))
    folders = {f"{CORE}.{file.parent.name}": file for file in source("snn-core").glob("*/__init__.py")}
    # a folder may have a name that one of its modules has too
    names = {
        f"{home}.{n.rpartition('.')[2]}" for home, f in folders.items() for s in _tree(f).body for n in _imported(s)
    }
    inner = modules.keys() - {CORE, *folders, *PUBLIC}
    return [
        (f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}", module)
        for project in PROJECTS
        if project != "snn-core"
        for file in sorted(source(project).rglob("*.py"))
        for node in ast.walk(_tree(file))
        for module in sorted({_module_of(name, modules) for name in {*_imported(node)} - names} & inner)
    ]


def repeated_classes(root: pathlib.Path) -> list[str]:
    """Return the names that several classes of a package have, not counting classes within others."""
    names = Counter(n.name for f in root.rglob("*.py") for n in _tree(f).body if isinstance(n, ast.ClassDef))
    return sorted(f"{name} ({count})" for name, count in names.items() if count > 1)


def private_names() -> Iterator[tuple[str, str]]:
    """Yield each use of a name of PyTorch that begins with one underscore, by what has it, and its place.

    Example:
        >>> any(name == "_version" and place.startswith("snn-core/") for name, place in private_names())
        True
    """
    members = {name for owner in (nn.Conv2d(1, 1, 1), torch.zeros(1)) for name in dir(owner) if _PRIVATE.match(name)}
    for file in (file for project in PROJECTS for file in sorted(source(project).rglob("*.py"))):
        inner = {n.value for n in ast.walk(_tree(file)) if isinstance(n, ast.Attribute)}
        for node in ast.walk(_tree(file)):
            names = [name for name in _imported(node) if name.startswith("torch.") and "._" in name]
            if isinstance(node, ast.Attribute) and node not in inner and _PRIVATE.match(node.attr):
                text = ast.unparse(node)
                names += [text] if text.startswith("torch.") else [node.attr] if node.attr in members else []
            elif isinstance(node, ast.Constant) and node.value in members:
                names.append(node.value)
            for name in names:
                yield name, f"{file.relative_to(ROOT / 'packages')}:{getattr(node, 'lineno', 0)}"


def functions() -> Iterator[tuple[int, str]]:
    """Yield the number of lines of each function of the packages, without its docstring, and its place."""
    for project in PROJECTS:
        for file in sorted(source(project).rglob("*.py")):
            for node in ast.walk(_tree(file)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    first = node.body[0]
                    documented = ast.get_docstring(node) is not None
                    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
                    lines = (node.end_lineno or 0) - node.lineno + 1 - docstring
                    yield lines, f"{file.relative_to(ROOT / 'packages')}:{node.lineno} {node.name}"


def lines(*patterns: str) -> int:
    """Return how many lines the files of the workspace that match a pattern have together."""
    files = {file for pattern in patterns for file in ROOT.glob(pattern)}
    return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)


def counts() -> dict[str, int | list[str]]:
    """Return all counts by what they count; what has no number is a list of the largest."""
    core, lengths = source("snn-core"), sorted(functions(), reverse=True)
    groups, deep = circles(imports(core)), deep_imports()
    uses = Counter(name for name, _ in private_names())
    return {
        "circles of imports in snn-core": len(groups),
        "modules in these circles": sum(map(len, groups)),
        "imports inside functions or for types only in snn-core": len(inner_imports(core)),
        "imports from within snn-core in other packages": len(deep),
        "modules that these name": len({module for _, module in deep}),
        "public names": sum(map(len, public_names.once().values())),
        "private names of torch": len(uses),
        "class names that occur twice in snn-core": len(repeated_classes(core)),
        f"functions of more than {LONG} lines": sum(length > LONG for length, _ in lengths),
        **{f"lines of {project}": lines(f"packages/{project}/src/**/*.py") for project in PROJECTS},
        "lines of all packages": lines("packages/*/src/**/*.py"),
        "lines of tools and noxfile": lines("tools/**/*.py", "noxfile.py"),
        "lines of tests": lines("packages/*/tests/**/*.py", "integration_tests/**/*.py"),
        "lines of C++": lines(*(f"packages/*/**/*.{ending}" for ending in ("cpp", "h", "hpp", "cc"))),
        "the private names of torch, with their uses": [f"{count:>4} {name}" for name, count in uses.most_common()],
        "the longest functions": [f"{length:>4} {place}" for length, place in lengths[:LONGEST]],
        "classes of the same name": repeated_classes(core),
    }
