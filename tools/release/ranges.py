"""Read, check and change the version ranges of our packages in a pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain

from packaging.requirements import Requirement
from packaging.version import Version

_FLOOR = r"(?P<name>\bsnn(?:-\w+)*)(?P<extras>(?:\[[\w,-]*\])?)>="


def of_ours(project: str, ours: Iterable[str]) -> Iterator[Requirement]:
    """Yield the requirements on other packages of ours in the text of a pyproject.toml, in dependencies and extras."""
    table = tomllib.loads(project)["project"]
    names = {*ours} - {table["name"]}
    for text in chain(table["dependencies"], *table.get("optional-dependencies", {}).values()):
        requirement = Requirement(text)
        if requirement.name in names:
            yield requirement


def floors(requirements: Iterable[Requirement]) -> dict[str, Version]:
    """Return the oldest versions that requirements allow: the highest floor of each distribution that has any.

    Example:
        >>> floors([Requirement("a>=0.5.0.dev0,<0.6"), Requirement("a>=0.4"), Requirement("b")])
        {'a': <Version('0.5.0.dev0')>}
    """
    floors: dict[str, Version] = {}
    for requirement in requirements:
        for clause in requirement.specifier:
            if clause.operator == ">=":
                version = Version(clause.version)
                floors[requirement.name] = max(version, floors.get(requirement.name, version))
    return floors


def tightened(project: str, final: Mapping[str, str]) -> str:
    """Replace floors at development versions by the final versions that they led to, if these are released.

    Example:
        >>> tightened('["snn-core>=0.5.0.dev0,<0.6", "snn-plot[x]>=0.7.0.dev0,<0.8"]', {"snn-core": "0.5.0"})
        '["snn-core>=0.5.0,<0.6", "snn-plot[x]>=0.7.0.dev0,<0.8"]'
    """

    def raised(match: re.Match[str]) -> str:
        name, floor = match["name"], Version(match["floor"])
        is_met = name in final and Version(floor.base_version) <= Version(final[name])
        return f"{name}{match['extras']}>={floor.base_version}" if is_met else match[0]

    return re.sub(_FLOOR + r"(?P<floor>[\d.]+\.dev\d+)", raised, project)


def loosened(project: str, names: Collection[str]) -> str:
    """Lower final floors on some packages to the development versions before them.

    An installer accepts a development version only if the range names one.

    Example:
        >>> loosened('["snn-core>=0.5.0,<0.6", "snn-plot[x]>=0.7.0,<0.8"]', ["snn-plot"])
        '["snn-core>=0.5.0,<0.6", "snn-plot[x]>=0.7.0.dev0,<0.8"]'
    """

    def lowered(match: re.Match[str]) -> str:
        return f"{match[0]}.dev0" if match["name"] in names else match[0]

    return re.sub(_FLOOR + r"\d+(?:\.\d+)*(?![\w.])", lowered, project)


def excluded(project: str, name: str, version: str) -> list[str]:
    r"""Return the ranges of a package that exclude one version of another package.

    Example:
        >>> excluded('[project]\nname = "b"\ndependencies = ["a>=0.5,<0.6"]', "a", "0.6.0")
        ['a<0.6,>=0.5']
    """
    requirements = of_ours(project, [name])
    return [
        str(requirement)
        for requirement in requirements
        if not requirement.specifier.contains(version, prereleases=True)
    ]
