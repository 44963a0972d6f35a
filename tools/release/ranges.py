"""Version ranges of our packages, as a pyproject.toml has them: read, checked, tightened."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain

from packaging.requirements import Requirement
from packaging.version import Version

_FLOOR = r"(?P<name>\bsnn(?:-\w+)*)(?P<extras>(?:\[[\w,-]*\])?)>="


def of_ours(project: str, ours: Iterable[str]) -> Iterator[Requirement]:
    """Yield what the text of a pyproject.toml requires of ours, in dependencies and extras, but for itself."""
    table = tomllib.loads(project)["project"]
    names = {*ours} - {table["name"]}
    for text in chain(table["dependencies"], *table.get("optional-dependencies", {}).values()):
        requirement = Requirement(text)
        if requirement.name in names:
            yield requirement


def floors(requirements: Iterable[Requirement]) -> dict[str, Version]:
    """The oldest versions that requirements take: for each distribution with a floor the highest of its floors.

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
    """Make floors final whose development versions led to the final version of a package, or to one before it.

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

    An installer takes a development version where the range names one, and only there.

    Example:
        >>> loosened('["snn-core>=0.5.0,<0.6", "snn-plot[x]>=0.7.0,<0.8"]', ["snn-plot"])
        '["snn-core>=0.5.0,<0.6", "snn-plot[x]>=0.7.0.dev0,<0.8"]'
    """

    def lowered(match: re.Match[str]) -> str:
        return f"{match[0]}.dev0" if match["name"] in names else match[0]

    return re.sub(_FLOOR + r"\d+(?:\.\d+)*(?![\w.])", lowered, project)


def excluded(project: str, name: str, version: str) -> list[str]:
    r"""Ranges of a package that do not take one version of another.

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
