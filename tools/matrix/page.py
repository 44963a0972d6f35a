"""Write the page of versions that were tested together, from the results of the matrix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from packaging.requirements import Requirement

from bench.tables import Table
from workspace import PROJECTS, ROOT

PAGE = ROOT / "docs" / "compatibility.md"
Rows = list[list[str]]

_HEAD = """# Which versions go together

Each package has its own version, and its metadata says which versions of the others it works with; installers follow
that. The tables below list the combinations that were tested. `nox -s matrix` wrote this page on {date} with Python
{python} on {platform}; it also writes every version and every session to `dist/matrix.json`.

Every push also tests each package alone and all of them together and, for every possible set of packages, that they
import, find each other's entry points and name missing packages. Other systems, Pythons and PyTorch versions: [tested
platforms](what-has-been-run-where.md). Your own combination: [test your own
package](test-your-version-matrix.md).
"""
_SUBSETS = """These sets, each package alone and all packages together cover every pair: for any two packages
there is a set with both, with neither, and with only one of them. For each set, the tests of its packages ran, except
long ones about one package alone, and so did the integration tests that need no other packages."""
_LOWEST = """Each package was tested with the oldest versions of its direct dependencies that it declares,
except PyTorch: its oldest version is a large download and has its own session, `lowest(torch)`."""
_RELEASED = """One package of this tree was tested together with the last releases of the packages it needs, and the
last release of one package together with this tree, as far as the declared ranges allow. A package is not listed if it
needs no other package of this tree and no other package needs it."""


def page(result: Mapping[str, Any]) -> str:
    """Write the text of the page, from what `matrix.results.collect` returns."""
    beside = ["tested", "beside", "incompatible by declared range", "verdict"]
    tables = [
        (_SUBSETS, Table("Sets of packages", ["installed", "verdict"], _subsets(result["cells"]))),
        (_LOWEST, Table("Oldest dependencies", ["package", "with", "verdict"], _lowest(result["cells"]))),
        (_RELEASED, Table("Beside releases", beside, _released(result))),
    ]
    parts = [_HEAD.format_map(result)]
    for text, table in tables:
        if table.rows:
            parts += [f"## {table.title}", text, table.markdown(padded=False)]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _of(cells: Iterable[Mapping[str, Any]], session: str) -> list[Mapping[str, Any]]:
    return [cell for cell in cells if cell["session"].startswith(f"{session}(")]


def _subsets(cells: Iterable[Mapping[str, Any]]) -> Rows:
    results = {}
    for cell in _of(cells, "pairwise"):
        members = {cell["package"]: cell["version"], **cell["beside"]}
        results[cell["session"]] = [", ".join(f"{name} {members[name]}" for name in sorted(members)), cell["verdict"]]
    return list(results.values())


def _lowest(cells: Iterable[Mapping[str, Any]]) -> Rows:
    rows = []
    for cell in _of(cells, "lowest"):
        project = PROJECTS[cell["package"]]
        extras = project.get("optional-dependencies", {}).values()
        direct = {Requirement(text).name.lower() for text in chain(project["dependencies"], *extras)}
        versions = [f"{name} {cell['with'][name]}" for name in sorted(direct) if name in cell["with"]]
        rows.append([f"{cell['package']} {cell['version']}", ", ".join(versions), cell["verdict"]])
    return rows


def _released(result: Mapping[str, Any]) -> Rows:
    rows = []
    for cell in _of(result["cells"], "released"):
        apart = next(item["apart"] for item in result["sessions"] if item["session"] == cell["session"])
        beside = ", ".join(f"{name} {version}" for name, version in sorted(cell["beside"].items()))
        reasons = "; ".join(apart.values()) or "none"
        rows.append([f"{cell['package']} {cell['version']}", beside, reasons, cell["verdict"]])
    return rows
