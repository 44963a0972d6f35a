"""Every check of the workspace is a session here: ``nox -l`` lists them, ``nox -s tests`` runs what a push needs.

Package code always comes from the built wheels in ``dist/wheels``, tests from the tree. No name of ours is ever looked
up on an index: each wheel goes in by a URL constraint, which keeps extras and version ranges.
"""

from __future__ import annotations

import filecmp
import json
import os
import pathlib
import shutil
import subprocess
import sys

import nox
from nox.project import dependency_groups, load_toml
from packaging.requirements import Requirement

sys.path.insert(0, str(pathlib.Path(__file__).parent / "tools"))
import pip_configuration
from workspace import PROJECTS, ROOT, WHEELHOUSE, built, module

nox.needs_version = ">=2025.11"
nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = True
nox.options.sessions = ["tests"]

UMBRELLA = "snn"
EXTRAS = sorted(PROJECTS[UMBRELLA]["optional-dependencies"])

SETTINGS = pip_configuration.settings()
INDEX = pip_configuration.index_arguments(SETTINGS)
CONSTRAINTS = pip_configuration.constraint_arguments(SETTINGS)
if "cert" in SETTINGS:
    os.environ.setdefault("SSL_CERT_FILE", SETTINGS["cert"][0])


def closure(*requirements: str) -> set[str]:
    """Our distributions that the requirements bring, through dependencies and extras."""
    seen: set[tuple[str, str]] = set()
    queue = [Requirement(text) for text in requirements]
    while queue:
        wanted = queue.pop()
        if wanted.name not in PROJECTS or (wanted.marker and not wanted.marker.evaluate()):
            continue
        project = PROJECTS[wanted.name]
        for part in {"", *wanted.extras} - {extra for name, extra in seen if name == wanted.name}:
            seen.add((wanted.name, part))
            texts = project["optional-dependencies"][part] if part else project["dependencies"]
            queue += [Requirement(text) for text in texts]
    return {name for name, _ in seen}


def install(session: nox.Session, *requirements: str) -> None:
    """Install from the wheelhouse, and check that exactly the named distributions of ours and their needs came."""
    own = pathlib.Path(session.create_tmp()) / "own.txt"
    own.write_text("".join(f"{name} @ {built(name).as_uri()}\n" for name in PROJECTS), encoding="utf-8")
    # A kept environment may have wheels of the same version and other content.
    fresh = [argument for name in PROJECTS for argument in ("--reinstall-package", name)]
    session.log(f"installing {' '.join(requirements)}")
    session.install(*requirements, "-c", str(own), *CONSTRAINTS, *INDEX, *fresh, log=False)
    session.run("uv", "pip", "check", silent=True, log=False)
    listed = session.run("uv", "pip", "list", "--format", "json", silent=True, log=False, stderr=subprocess.DEVNULL)
    present = {found["name"] for found in json.loads(str(listed))} & set(PROJECTS)
    expected = closure(*requirements)
    if present != expected:
        session.error(f"installed {sorted(present)}, expected {sorted(expected)} for {list(requirements)}")


def group(name: str) -> tuple[str, ...]:
    """Requirements of one dependency group of the workspace."""
    return dependency_groups(load_toml(ROOT / "pyproject.toml"), name)


def pytest(session: nox.Session, *arguments: str) -> None:
    """Run pytest strictly: a skipped test fails, Hypothesis draws the same examples every time."""
    session.run(
        "pytest",
        *("-q", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-p", "no:cacheprovider", "-p", "no_skips"),
        *arguments,
        *session.posargs,
        # One thread: the tensors of tests are small, and threads that wait for each other on a busy machine are slow.
        env={"CI": "true", "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "tools")},
    )


def build(session: nox.Session, into: pathlib.Path, *options: str) -> None:
    """Build every distribution into an emptied folder."""
    shutil.rmtree(into, ignore_errors=True)
    for name in PROJECTS:
        session.run("uv", "build", "-q", *INDEX, *options, "--out-dir", str(into), f"packages/{name}")


@nox.session
def wheels(session: nox.Session) -> None:
    """Build all sdists, and the wheels from them, into dist/wheels; a wheel built from the tree is the same file."""
    build(session, WHEELHOUSE)
    direct = pathlib.Path(session.create_tmp()) / "direct"
    build(session, direct, "--wheel")
    for found in sorted(direct.glob("*.whl")):
        if not filecmp.cmp(found, WHEELHOUSE / found.name, shallow=False):
            session.error(f"{found.name} is another file when built from its sdist: see what the sdist leaves out")


@nox.session
def quickstart(session: nox.Session) -> None:
    """Set everything up and train a spiking network on real digits: prints the accuracy and where the report lies."""
    session.log("1/3 building the packages")
    build(session, WHEELHOUSE)
    session.log("2/3 installing snn[demo]: PyTorch is large, which takes minutes on a first run")
    install(session, "snn[demo]")
    session.log("3/3 training")
    session.run("snn", "demo", "--out", "snn-demo", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff's rules and layout, over everything."""
    session.install(*group("lint"), *INDEX)
    session.run("ruff", "check", "--no-cache", "--output-format", "concise", ".")
    session.run("ruff", "format", "--no-cache", "--check", ".")


@nox.session(requires=["wheels"])
def types(session: nox.Session) -> None:
    """Types of all packages, and the stub of the lazy namespace against what it really gives."""
    install(session, "snn[all]", *group("types"), *group("test"))
    session.run("pyrefly", "check", "--python-interpreter-path", f"{session.bin}/python", "--output-format", "min-text")
    session.run("python", "-m", "mypy.stubtest", UMBRELLA)


@nox.session(requires=["wheels"])
def together(session: nox.Session) -> None:
    """Every package installed: all their tests and the integration tests."""
    install(session, "snn[all]", *group("test"))
    pytest(session, "packages", "integration_tests", "--ignore", "integration_tests/parity")


@nox.session(requires=["wheels"])
def doctests(session: nox.Session) -> None:
    """The example of every docstring gives what it says."""
    install(session, "snn[all]", *group("test"))
    pytest(session, "--doctest-modules", "tools", "--pyargs", *map(module, PROJECTS))


@nox.session(requires=["wheels"])
@nox.parametrize("package", [nox.param(name, id=name) for name in PROJECTS])
def alone(session: nox.Session, package: str) -> None:
    """One package from its wheel, with what it declares and no more: every module imports, its tests pass."""
    install(session, package)
    session.run("python", "tools/import_all.py", module(package))
    extras = PROJECTS[package].get("optional-dependencies", {})
    foreign = sorted(name for name, needs in extras.items() if closure(*needs) <= {package})
    install(session, f"{package}[{','.join(foreign)}]" if foreign else package, *group("test"))
    pytest(session, f"packages/{package}/tests")


@nox.session(requires=["wheels"])
def subsets(session: nox.Session) -> None:
    """Every set of packages closed under dependencies imports, finds its entry points and names what is missing."""
    install(session, *PROJECTS)  # for the dependencies of others; ours are then laid out one folder each
    overlay = pathlib.Path(session.create_tmp()) / "overlay"
    shutil.rmtree(overlay, ignore_errors=True)
    for name in PROJECTS:
        into = ("--target", str(overlay / name))
        session.run("uv", "pip", "install", "-q", "--no-deps", *into, str(built(name)), silent=True)
    session.run("uv", "pip", "uninstall", "-q", *PROJECTS)
    session.run("python", "tools/subsets.py", str(overlay))


@nox.session(requires=["wheels"])
@nox.parametrize("extra", [nox.param(name, id=name) for name in EXTRAS])
def umbrella(session: nox.Session, extra: str) -> None:
    """snn[extra] brings what it names and nothing else of ours, and the namespace works with just that."""
    install(session, f"{UMBRELLA}[{extra}]", *group("test"))
    pytest(session, f"packages/{UMBRELLA}/tests")


@nox.session(requires=["wheels"])
def parity(session: nox.Session) -> None:
    """The same programs through snnTorch 1.0.0 and through ours, in one environment: the same numbers."""
    install(session, "snn[all]", *group("parity"))
    pytest(session, "integration_tests/parity")


@nox.session(requires=["wheels"])
def coverage(session: nox.Session) -> None:
    """Which lines the packages' own tests reach (not part of a push)."""
    install(session, "snn[all]", *group("coverage"))
    session.run("coverage", "run", "-m", "pytest", "-q", "-p", "no:cacheprovider", "packages", *session.posargs)
    session.run("coverage", "report")


PUSH = ["lint", "wheels", "types", "doctests", "together", "subsets", "parity"]
PUSH += [f"alone({name})" for name in PROJECTS] + [f"umbrella({name})" for name in EXTRAS]


@nox.session(venv_backend="none", requires=PUSH)
def tests(session: nox.Session) -> None:
    """Everything a push needs: lint, types, wheels, examples, tests together and alone, subsets, extras, parity."""
    session.log(f"all {len(PUSH)} sessions passed")
