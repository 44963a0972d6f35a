"""Release packages: ``python -m release PACKAGE VERSION [--dry-run]``; CONTRIBUTING.md describes the order of steps.

PACKAGE is the name of a distribution, or ``all`` for every one with unreleased changes. VERSION is X.Y.Z, or ``final``
for the version that the tree leads to, or ``next``, after a release, for the next development version.
"""

from __future__ import annotations

import argparse
import datetime
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import recorded
from release import artifacts
from release.copies import copy
from release.tree import UMBRELLA, Tree
from workspace import PROJECTS, ROOT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program, with the arguments of this process unless others are passed.

    Returns:
        Exit code: 1 if something prevents the release.
    """
    options = _parser().parse_args(arguments)
    try:
        if not (options.dry_run or options.rehearsal):
            return _run(Tree(ROOT), options)
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder) / "tree"
            copy(ROOT, root)
            tree = Tree(root)
            if options.rehearsal:
                tree.pretend_changes()
            return _run(tree, options)
    except (ValueError, FileNotFoundError) as error:
        print(f"release: {error}", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"release: {' '.join(map(str, error.cmd))} failed with code {error.returncode}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="release", description=__doc__)
    parser.add_argument("package", choices=["all", *PROJECTS])
    parser.add_argument("version", help="X.Y.Z, final, or next")
    parser.add_argument("--dry-run", action="store_true", help="do everything in a copy of the tree, and delete it")
    parser.add_argument("--rehearsal", action="store_true", help="a dry run as if every package had unreleased changes")
    parser.add_argument("--untested", action="store_true", help="build, but do not test what was built")
    parser.add_argument("--date", default=datetime.datetime.now(datetime.UTC).date().isoformat(), help="YYYY-MM-DD")
    return parser


def _run(tree: Tree, options: argparse.Namespace) -> int:
    if options.version == "next":
        return _go_on(tree, options.package)
    names = tree.changed() if options.package == "all" else [options.package]
    versions = tree.release(names, options.version, options.date)
    for line in tree.left_behind(versions):
        print(line)
    others = {name: tree.last[name] for name in tree.names if name not in versions}
    pinned = artifacts.pinned_hashes(tree.root, others) if UMBRELLA in versions else {}
    sessions = [] if options.untested else [f"alone({name})" for name in versions]
    artifacts.run_sessions(tree.root, ["wheels", *sessions])
    for folder in artifacts.publishable(tree.root, versions):
        print(f"{folder.relative_to(tree.root)}: {', '.join(sorted(file.name for file in folder.iterdir()))}")
    if UMBRELLA in versions:
        artifacts.run_sessions(tree.root, ["docs", *(["--", "--no-tests"] if options.untested else [])])
        print(artifacts.packed_site(tree.root, versions[UMBRELLA]).relative_to(tree.root))
        print(*(file.relative_to(tree.root) for file in artifacts.pin(tree.root, versions[UMBRELLA], pinned)))
    if not (options.dry_run or options.rehearsal):
        _say_what_follows(versions)
    return 0


def _go_on(tree: Tree, package: str) -> int:
    names = tree.unrecorded() if package == "all" else [package]
    released = {name: tree.version(name) for name in names}
    commit = recorded.committed(ROOT, released)
    versions = tree.reopen(names)
    recorded.add(tree.root, released, commit)
    print(*(f"{name} is now at {version}" for name, version in versions.items()), sep="\n")
    print(f'{recorded.FILE} has their commit, {commit}; then: git commit -am "Start the next development version"')
    return 0


def _say_what_follows(versions: dict[str, str]) -> None:
    released = ", ".join(f"{name} {version}" for name, version in versions.items())
    what = released if len(versions) == 1 else f"{len(versions)} packages"
    print(f'then: git add -A && git commit -m "Release {what}"', *([] if what == released else [f'-m "{released}"']))
    print(*(f"      git tag {name}-v{version}" for name, version in versions.items()), sep="\n")
    print("      python -m release", "all" if len(versions) > 1 else next(iter(versions)), "next")


if __name__ == "__main__":
    sys.exit(main())
