"""Parts of the noxfile's sessions: environments, builds, and pytest."""

from __future__ import annotations

import filecmp
import json
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping

import nox
from nox.project import dependency_groups, load_toml
from packaging.requirements import Requirement
from packaging.version import Version

import pip_configuration
from closure import closure, foreign_floors, with_foreign_extras
from matrix import releases, results
from wheelhouse import digest
from workspace import NATIVE, NATIVE_WHEELHOUSE, PROJECTS, ROOT, WHEELHOUSE, built, module

COMPILER = os.environ.get("CXX", "g++")
CAN_COMPILE = sys.platform == "linux" and shutil.which(COMPILER) is not None
OF_KERNELS = "packages/snn-cpu/tests/native"  # the rest of the tests that need compiled kernels need wheels too
NEEDS_NATIVE = ("integration_tests/native", OF_KERNELS)
# the tests of these need, in order: Triton's interpreter, its compiler, a GPU
NEEDS_TRITON = tuple(f"packages/snn-triton/tests/{name}" for name in ("interpreted", "compiled", "gpu"))
# the files are named after the extra that their tests need
NEEDS_ONNX, NEEDS_EXECUTORCH = (f"packages/snn-export/tests/test_with_{extra}.py" for extra in ("onnx", "executorch"))
OF_C = "packages/snn-export/tests/c"
NEEDS_DEPLOY = f"{OF_C}/deploy"  # compilers of C, and an emulator
IN_WASM = "packages/snn-export/tests/wasm", "integration_tests/wasm"
# tests that need more than their packages declare
NEEDS_MORE = (*NEEDS_NATIVE, *NEEDS_TRITON, NEEDS_ONNX, NEEDS_EXECUTORCH, NEEDS_DEPLOY, IN_WASM[0])
SHORT = ("-m", "not exhaustive")  # without the long tests, which the session exhaustive runs with all packages
# extras of snn-data that snn[all] leaves out: aeon and sktime cap packages that others need newer; seglearn is large
APART_EXTRAS = ("offline", "plaid", "vowels", "watch")

SETTINGS = pip_configuration.settings()
INDEX = pip_configuration.index_arguments(SETTINGS)
CONSTRAINTS = pip_configuration.constraint_arguments(SETTINGS)
if "cert" in SETTINGS:
    os.environ.setdefault("SSL_CERT_FILE", SETTINGS["cert"][0])


def group(name: str) -> tuple[str, ...]:
    """Return the requirements of one dependency group of the workspace."""
    return dependency_groups(load_toml(ROOT / "pyproject.toml"), name)


def install(
    session: nox.Session,
    *requirements: str,
    native: Collection[str] = (),
    wheels: Mapping[str, pathlib.Path] | None = None,
    options: Collection[str] = (),
) -> dict[str, str]:
    """Install from the wheelhouses, and check that exactly the named distributions of ours and their needs are there.

    Those named in ``native`` are installed from native wheels, all others from pure ones, except those in ``wheels``,
    which gives the files. Returns the version of everything that is then installed.
    """
    own = constrained(session, native, wheels or {})
    # a reused environment may have wheels of the same version with other content
    fresh = [argument for name in PROJECTS for argument in ("--reinstall-package", name)]
    session.log(f"installing {' '.join(requirements)}")
    session.install(*requirements, *options, "-c", str(own), *CONSTRAINTS, *INDEX, *fresh, log=False)
    session.run("uv", "pip", "check", silent=True, log=False)
    versions = installed(session)
    expect(session, *requirements, present=versions.keys() & PROJECTS.keys())
    python = session.run("python", "-c", "import platform; print(platform.python_version())", silent=True, log=False)
    session.log(f"with Python {str(python).strip()}, torch {versions.get('torch', 'none')}")
    return versions


def constrained(
    session: nox.Session, native: Collection[str] = (), wheels: Mapping[str, pathlib.Path] | None = None
) -> pathlib.Path:
    """Write the constraints that name the file of each distribution of ours, and return their file."""
    own = pathlib.Path(session.create_tmp()) / "own.txt"
    ours = {name: built(name, ".whl", NATIVE_WHEELHOUSE if name in native else WHEELHOUSE) for name in PROJECTS}
    ours |= wheels or {}
    own.write_text("".join(f"{name} @ {wheel.as_uri()}\n" for name, wheel in ours.items()), encoding="utf-8")
    return own


def expect(session: nox.Session, *requirements: str, present: Collection[str]) -> None:
    """End the session with an error if other distributions of ours are present than requirements need."""
    if {*present} != (expected := closure(*requirements)):
        session.error(f"installed {sorted(present)}, but {list(requirements)} need exactly {sorted(expected)}")


def install_sources(session: nox.Session, *requirements: str) -> None:
    """Install all packages from the source tree in editable form."""
    ours = [f"packages/{name}" for name in PROJECTS if name != "snn"]
    editable = [word for place in (*ours, "packages/snn[all]") for word in ("-e", place)]
    session.log("installing the packages from their sources")
    session.install(*editable, *requirements, *CONSTRAINTS, *INDEX, log=False)


def library_of_sources(session: nox.Session) -> str:
    """Return the file of the kernels, compiled if their sources have changed; "" where they cannot be compiled."""
    if not compiled(session):
        return ""
    folder = ROOT / "packages" / "snn-cpu"
    library = ROOT / "dist" / "quick" / digest(folder / "csrc") / "libsnn_cpu.so"
    if not library.exists():
        shutil.rmtree(library.parent.parent, ignore_errors=True)
        session.run("python", str(folder / "hatch_build.py"), str(library))
    return str(library)


def resolved(session: nox.Session, requirement: str) -> None:
    """Check that a requirement can be installed, and that it brings exactly its distributions of ours."""
    source = pathlib.Path(session.create_tmp()) / "source.in"
    source.write_text(f"{requirement}\n", encoding="utf-8")
    command = (
        "uv",
        "pip",
        "compile",
        "-q",
        "--no-header",
        "--no-annotate",
        str(source),
        "-c",
        str(constrained(session)),
    )
    listed = str(session.run(*command, *CONSTRAINTS, *INDEX, silent=True))
    present = {Requirement(line).name for line in listed.splitlines() if line[:1].isalpha()} & PROJECTS.keys()
    expect(session, requirement, present=present)


def installed(session: nox.Session) -> dict[str, str]:
    """Return the version of everything in a session's environment."""
    listed = session.run("uv", "pip", "list", "--format", "json", silent=True, log=False, stderr=subprocess.DEVNULL)
    return {row["name"]: row["version"] for row in json.loads(str(listed))}


def floor(session: nox.Session, package: str, *held: str) -> None:
    """Install a package with its oldest direct dependencies, apart from those pinned in ``held``, and run its tests."""
    folder = pathlib.Path(session.create_tmp())
    (folder / "held.txt").write_text("\n".join(held), encoding="utf-8")
    extras = Requirement(with_foreign_extras(package)).extras
    project = ("-r", f"packages/{package}/pyproject.toml", *(f"--extra={extra}" for extra in sorted(extras)))
    # a wheel's own dependencies count as indirect, so they are read from pyproject.toml; -U lowers installed versions
    lowering = ("-U", *project, "--no-sources", "--resolution", "lowest-direct", "-c", str(folder / "held.txt"))
    install(session, package, options=lowering)
    session.install(*group("test"), *CONSTRAINTS, *INDEX)
    versions = installed(session)
    oldest = foreign_floors(package, extras).items()
    held_names = {Requirement(requirement).name for requirement in held}
    if above := [f"{name}>={old}" for name, old in oldest if name not in held_names and Version(versions[name]) != old]:
        session.error(f"{package} declares {', '.join(above)}, and the oldest that go together are newer: raise floors")
    results.note(session.name, [package], versions)
    # old releases of others call what newer releases of others deprecate
    quiet = ("-W", "ignore::DeprecationWarning")
    pytest(session, *quiet, *SHORT, f"packages/{package}/tests", *ignoring(NEEDS_MORE))


def beside(session: nox.Session, package: str, choice: releases.Choice, tree: pathlib.Path) -> None:
    """Install a choice of wheels, and run one package's tests from a tree."""
    for name, reason in choice.apart.items():
        session.log(f"using another version of {name}: {reason}")
    requirements = [
        with_foreign_extras(name, without=APART_EXTRAS if name != package else ()) for name in choice.wheels
    ]
    versions = install(session, *requirements, *group("test"), wheels=choice.wheels)
    results.note(session.name, [package], versions, choice.apart)
    # a release does not know what later ones warn about; its own tests would treat the warnings as errors
    quiet = () if tree == ROOT else ("-W", "default")
    tests = (str(tree / "packages" / package / "tests"), *ignoring(tree / folder for folder in NEEDS_MORE))
    pytest(session, *quiet, *SHORT, *tests, tree=tree)


def compiled(session: nox.Session) -> Collection[str]:
    """Return the native wheels to install: all that exist, where they can be compiled."""
    if CAN_COMPILE:
        return NATIVE
    session.log(f"without fused kernels: compiling them needs Linux and a C++ compiler, and {COMPILER} is missing")
    return ()


def ignoring(places: Iterable[str | pathlib.Path]) -> list[str]:
    """Return the arguments that make pytest leave out tests."""
    return [f"--ignore={place}" for place in places]


def pytest(session: nox.Session, *arguments: str, tree: pathlib.Path = ROOT, **environment: str) -> None:
    """Run pytest strictly, a process for each core: a skip fails, Hypothesis draws the same examples every time."""
    # one thread: the tensors of tests are small, and threads that wait for each other on a busy machine are slow
    common = {"CI": "true", "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(tree / "tools")}
    common["PYTHONHASHSEED"] = "0"  # all processes must collect a set of cases in the same order
    session.run(
        "pytest",
        *("-q", "-c", str(tree / "pyproject.toml"), "--rootdir", str(tree)),
        *("-p", "no:cacheprovider", "-p", "no_skips", "-p", "frozen_tests"),
        *("-n", "auto", "--maxprocesses", "8", "--dist", "worksteal"),
        *arguments,
        *session.posargs,
        env=common | environment,
    )


def environment(session: nox.Session, name: str, *requirements: str) -> pathlib.Path:
    """Install other libraries in their own environment, and return its interpreter."""
    place = pathlib.Path(session.create_tmp()) / name
    session.run("uv", "venv", "-q", "--allow-existing", "--python", f"{session.bin}/python", str(place))
    session.run("uv", "pip", "install", "-q", "--python", str(place), *requirements, *CONSTRAINTS, *INDEX)
    return place / "bin" / "python"


def build(session: nox.Session, into: pathlib.Path, *options: str, names: Collection[str] = tuple(PROJECTS)) -> None:
    """Build distributions as pure wheels and sdists into a folder, after deleting older files of them there."""
    for name in names:
        for old in into.glob(f"{module(name)}-[0-9]*"):
            old.unlink()
        command = ("uv", "build", "-q", *INDEX, *options, "--out-dir", str(into), f"packages/{name}")
        session.run(*command, env={"SNN_NATIVE": "0"})


def build_release(session: nox.Session, package: str, commit: str) -> pathlib.Path:
    """Write a commit's tree to a folder in dist, and build a package's pure wheel beside it, once for each commit.

    Returns:
        The folder with the tree; the wheel is beside it.
    """
    into = ROOT / "dist" / "released" / f"{package}-{commit[:12]}"
    if not list(into.glob("*.whl")):
        shutil.rmtree(into, ignore_errors=True)
        try:
            releases.export(ROOT, commit, into / "tree")
        except ValueError as error:
            session.error(f"the last release of {package} cannot be built: {error}")
        command = ("uv", "build", "-q", "--wheel", *INDEX, "--out-dir", str(into), f"{into}/tree/packages/{package}")
        session.run(*command, env={"SNN_NATIVE": "0"})
    return into / "tree"


def build_native(session: nox.Session, into: pathlib.Path, source: pathlib.Path) -> None:
    """Build the native wheel of snn-cpu, given its folder or sdist, into an emptied folder."""
    shutil.rmtree(into, ignore_errors=True)
    constraints = ["--build-constraints" if argument == "-c" else argument for argument in CONSTRAINTS]
    # without -q, so that the compiler's messages are shown
    command = ("uv", "build", "--wheel", *INDEX, *constraints, "--out-dir", str(into), str(source))
    session.run(*command, env={"SNN_NATIVE": "1"})


def publishable(session: nox.Session, wheel: pathlib.Path, into: pathlib.Path) -> None:
    """Copy a native wheel into an emptied folder, tagged with the oldest C library that it runs with."""
    shutil.rmtree(into, ignore_errors=True)
    # torch has its own libraries; the fixed date makes all builds give the same file
    torch = ("--exclude", "libtorch*", "--exclude", "libc10*")
    command = ("auditwheel", "repair", *torch, "-w", str(into), str(wheel))
    session.run(*command, silent=True, env={"SOURCE_DATE_EPOCH": "1580601600"})


def same_files(session: nox.Session, direct: pathlib.Path, from_sdists: pathlib.Path) -> None:
    """Check that wheels built from the tree are the same files as those built from the sdists."""
    for wheel in sorted(direct.glob("*.whl")):
        if not filecmp.cmp(wheel, from_sdists / wheel.name, shallow=False):
            session.error(f"{wheel.name} differs when it is built from the sdist: see which files the sdist leaves out")
