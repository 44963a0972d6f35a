"""Make the changes of a release in the tree: versions, lists of changes, floors of ranges."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Collection, Mapping

from packaging.version import Version

import recorded
from recorded import version_in
from release import changelog, ranges, versions

UMBRELLA = "snn"


class Tree:
    """A checkout of the workspace.

    Args:
        root: Its folder.
    """

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.names = sorted(file.parent.name for file in root.glob("packages/*/pyproject.toml"))
        dated = {name: changelog.released(self._changes(name)) for name in self.names}
        self.last = {name: version for name, version in dated.items() if version}

    def changed(self) -> list[str]:
        """Return the packages with unreleased changes.

        Raises:
            ValueError: If there is none.
        """
        names = [name for name in self.names if not changelog.is_unchanged(self._changes(name))]
        if not names:
            raise ValueError("nothing is unreleased: no list of changes has anything new")
        return names

    def pretend_changes(self) -> None:
        """Add a change to the list of every package without unreleased changes, to rehearse a release of them all."""
        for name in self.names:
            if changelog.is_unchanged(text := self._changes(name)):
                self._changes_file(name).write_text(changelog.with_entry(text, "A rehearsal."), encoding="utf-8")

    def unrecorded(self) -> list[str]:
        """Return the packages at a final version that is not recorded yet, to go on with after their release.

        Raises:
            ValueError: If there is none.
        """
        known = {name: release.version for name, release in recorded.last(self.root).items()}
        final = [name for name in self.names if not Version(self.version(name)).is_prerelease]
        names = [name for name in final if self.version(name) != known.get(name)]
        if not names:
            raise ValueError("no package is at a final version that is new: nothing has been released")
        return names

    def version(self, name: str) -> str:
        """Return the version of a package in the tree."""
        return version_in(self._version_file(name).read_text(encoding="utf-8"))

    def release(self, names: Collection[str], target: str, date: str) -> dict[str, str]:
        """Give packages the version X.Y.Z, or the ``"final"`` one that each leads to, with a section and final floors.

        Nothing is written if a package cannot be released.

        Returns:
            The version of each.

        Raises:
            ValueError: If a version, a list of changes or a range prevents the release; the message names the package.
        """
        releases = {
            name: self._of(name, versions.final, self.version(name), target, self.last.get(name)) for name in names
        }
        known = {**self.last, **releases}
        written = {}
        for name in self.names:
            project = ranges.tightened(self._project(name), known)
            written[self._project_file(name)] = project
            if name in releases:
                self._of(name, self._check, project, known)
        if UMBRELLA in releases:
            self._check_all_final(releases)
        for name, version in releases.items():
            written[self._changes_file(name)] = self._of(name, changelog.gather, self._changes(name), version, date)
        for file, text in written.items():
            file.write_text(text, encoding="utf-8")
        for name, version in releases.items():
            versions.set_version(self._version_file(name), version)
        return releases

    def left_behind(self, versions: Mapping[str, str]) -> list[str]:
        """Return a line for each package that is not released now and whose range excludes a new release."""
        return [
            f"{name} requires {requirement}, not {other} {version}: users of both keep the last release of {other}"
            for name in self.names
            for other, version in versions.items()
            if name not in versions
            for requirement in ranges.excluded(self._project(name), other, version)
        ]

    def reopen(self, names: Collection[str]) -> dict[str, str]:
        """Give released packages their next development version and a section for new changes.

        The ranges of all packages then allow these versions. The umbrella stays as it is, since it only has final
        versions.

        Returns:
            The version of each.

        Raises:
            ValueError: If the version of a package in the tree is not final.
        """
        releases = {name: self._of(name, versions.after, self.version(name)) for name in names if name != UMBRELLA}
        for name, version in releases.items():
            versions.set_version(self._version_file(name), version)
            self._changes_file(name).write_text(changelog.reopen(self._changes(name)), encoding="utf-8")
        for name in self.names:
            self._project_file(name).write_text(ranges.loosened(self._project(name), releases), encoding="utf-8")
        return releases

    def _check(self, project: str, known: Mapping[str, str]) -> None:
        for other, floor in ranges.floors(ranges.of_ours(project, self.names)).items():
            if other not in known or floor > Version(known[other]):
                raise ValueError(f"it requires {other}>={floor}, which has not been released: release {other} first")
            if excluding := ranges.excluded(project, other, known[other]):
                raise ValueError(
                    f"it requires {excluding[0]}, not {other} {known[other]}, the last release: widen the range"
                )

    def _check_all_final(self, versions: Mapping[str, str]) -> None:
        for name in self.names:
            version = versions.get(name, self.version(name))
            if Version(version).is_prerelease and name not in self.last:
                raise ValueError(f"{UMBRELLA}: its extras install {name}, which has no release: release {name} first")

    def _of(self, name: str, call: Callable, *arguments: object):
        try:
            return call(*arguments)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error

    def _changes(self, name: str) -> str:
        return self._changes_file(name).read_text(encoding="utf-8")

    def _project(self, name: str) -> str:
        return self._project_file(name).read_text(encoding="utf-8")

    def _project_file(self, name: str) -> pathlib.Path:
        return self.root / "packages" / name / "pyproject.toml"

    def _changes_file(self, name: str) -> pathlib.Path:
        return self.root / "packages" / name / "CHANGELOG.md"

    def _version_file(self, name: str) -> pathlib.Path:
        return self.root / "packages" / name / "src" / name.replace("-", "_") / "_version.py"
