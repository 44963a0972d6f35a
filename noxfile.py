"""Every check of the workspace is a session here: ``nox -l`` lists them, ``nox -s tests`` runs what a push needs.

Package code always comes from the built wheels, tests from the tree. ``dist/wheels`` holds every distribution as a pure
wheel; ``dist/native`` holds the ones with compiled code once more, compiled. No name of ours is ever looked up on an
index: each wheel goes in by a URL constraint, which keeps extras and version ranges.
"""

from __future__ import annotations

import filecmp
import json
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Collection

import nox
from nox.command import CommandFailed
from nox.project import dependency_groups, load_toml
from packaging.requirements import Requirement

sys.path.insert(0, str(pathlib.Path(__file__).parent / "tools"))
import pip_configuration
from bench.peers.registry import ENVIRONMENTS
from workspace import NATIVE_WHEELHOUSE, PROJECTS, ROOT, WHEELHOUSE, built, module

nox.needs_version = ">=2025.11"
nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = True
nox.options.sessions = ["tests"]

UMBRELLA = "snn"
NATIVE = ("snn-cpu",)  # what has compiled code, and so a native wheel beside the pure one
# frameworks that read and write NIR, and what is installed in the environment of each; the last pins its nir
NIR_PEERS = {
    "norse": ("norse==1.1.0", "nir==1.0.8", "nirtorch==2.6", "numpy"),
    "spikingjelly": ("spikingjelly==2.0.0", "nir==1.0.8", "nirtorch==2.6", "numpy"),
    "sinabs": ("sinabs==3.1.3", "nir==1.0.4", "nirtorch==2.0.2", "numpy"),
}
NEEDS_NATIVE = ("integration_tests/native", "packages/snn-cpu/tests/native")
COMPILER = os.environ.get("CXX", "g++")
CAN_COMPILE = sys.platform == "linux" and shutil.which(COMPILER) is not None
NEEDS_AEON = "packages/snn-data/tests/test_vowels.py"  # which snn[all] leaves out; alone(snn-data) has every extra
EXAMPLES = ("fused", "reference")
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


def install(session: nox.Session, *requirements: str, native: Collection[str] = ()) -> None:
    """Install from the wheelhouses, and check that exactly the named distributions of ours and their needs came.

    Those named in ``native`` come as native wheels, all others as pure ones.
    """
    own = pathlib.Path(session.create_tmp()) / "own.txt"
    wheels = {name: built(name, ".whl", NATIVE_WHEELHOUSE if name in native else WHEELHOUSE) for name in PROJECTS}
    own.write_text("".join(f"{name} @ {wheel.as_uri()}\n" for name, wheel in wheels.items()), encoding="utf-8")
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


def compiled(session: nox.Session) -> Collection[str]:
    """What to install as native wheels: all that have one, where they can be compiled."""
    if CAN_COMPILE:
        return NATIVE
    session.log(f"without fused kernels: compiling them needs Linux and a C++ compiler, here is no {COMPILER}")
    return ()


def group(name: str) -> tuple[str, ...]:
    """Requirements of one dependency group of the workspace."""
    return dependency_groups(load_toml(ROOT / "pyproject.toml"), name)


def pytest(session: nox.Session, *arguments: str, **environment: str) -> None:
    """Run pytest strictly: a skipped test fails, Hypothesis draws the same examples every time."""
    # One thread: the tensors of tests are small, and threads that wait for each other on a busy machine are slow.
    common = {"CI": "true", "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "tools")}
    session.run(
        "pytest",
        *("-q", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-p", "no:cacheprovider", "-p", "no_skips"),
        *arguments,
        *session.posargs,
        env=common | environment,
    )


def environment(session: nox.Session, name: str, *requirements: str) -> pathlib.Path:
    """Other libraries in an environment of their own: its interpreter."""
    place = pathlib.Path(session.create_tmp()) / name
    session.run("uv", "venv", "-q", "--allow-existing", "--python", f"{session.bin}/python", str(place))
    session.run("uv", "pip", "install", "-q", "--python", str(place), *requirements, *CONSTRAINTS, *INDEX)
    return place / "bin" / "python"


def build(session: nox.Session, into: pathlib.Path, *options: str) -> None:
    """Build every distribution, pure, into an emptied folder."""
    shutil.rmtree(into, ignore_errors=True)
    for name in PROJECTS:
        command = ("uv", "build", "-q", *INDEX, *options, "--out-dir", str(into), f"packages/{name}")
        session.run(*command, env={"SNN_NATIVE": "0"})


def build_native(session: nox.Session, into: pathlib.Path, source: pathlib.Path) -> None:
    """Build the native wheel of snn-cpu, given its folder or sdist, into an emptied folder."""
    shutil.rmtree(into, ignore_errors=True)
    constraints = ["--build-constraints" if argument == "-c" else argument for argument in CONSTRAINTS]
    # not -q, which keeps the compiler's words
    command = ("uv", "build", "--wheel", *INDEX, *constraints, "--out-dir", str(into), str(source))
    session.run(*command, env={"SNN_NATIVE": "1"})


def publishable(session: nox.Session, wheel: pathlib.Path, into: pathlib.Path) -> None:
    """Copy a native wheel into an emptied folder, tagged with the oldest C library that it runs with."""
    shutil.rmtree(into, ignore_errors=True)
    # torch brings its own libraries; the date keeps the file the same from build to build
    torch = ("--exclude", "libtorch*", "--exclude", "libc10*")
    command = ("auditwheel", "repair", *torch, "-w", str(into), str(wheel))
    session.run(*command, silent=True, env={"SOURCE_DATE_EPOCH": "1580601600"})


def same_files(session: nox.Session, direct: pathlib.Path, from_sdists: pathlib.Path) -> None:
    """Check that wheels built from the tree are those built from the sdists."""
    for found in sorted(direct.glob("*.whl")):
        if not filecmp.cmp(found, from_sdists / found.name, shallow=False):
            session.error(f"{found.name} is another file when built from its sdist: see what the sdist leaves out")


@nox.session
def wheels(session: nox.Session) -> None:
    """Build all sdists, and the wheels from them, into dist/wheels, the native ones into dist/native.

    A wheel built from the tree must be the same file.
    """
    folder = pathlib.Path(session.create_tmp())
    shutil.rmtree(NATIVE_WHEELHOUSE, ignore_errors=True)
    build(session, WHEELHOUSE)
    build(session, folder / "direct", "--wheel")
    same_files(session, folder / "direct", WHEELHOUSE)
    if compiled(session):
        build_native(session, folder / "native", built("snn-cpu", ".tar.gz"))
        build_native(session, folder / "native-direct", ROOT / "packages" / "snn-cpu")
        same_files(session, folder / "native-direct", folder / "native")
        session.install(*group("wheels"), *INDEX)
        publishable(session, built("snn-cpu", ".whl", folder / "native"), NATIVE_WHEELHOUSE)


@nox.session
def quickstart(session: nox.Session) -> None:
    """Set everything up and train a spiking network on real digits: prints the accuracy and where the report lies."""
    session.log("1/3 building the packages")
    build(session, WHEELHOUSE)
    kernels = compiled(session)
    if kernels:
        try:
            build_native(session, NATIVE_WHEELHOUSE, ROOT / "packages" / "snn-cpu")
        except CommandFailed:  # a compiler that is too old, say; it has said so
            session.log("without fused kernels: they do not compile here")
            kernels = ()
    session.log("2/3 installing snn[demo]: PyTorch is large, which takes minutes on a first run")
    install(session, "snn[demo]", native=kernels)
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
    """Every package installed: all their tests and the integration tests, but for what sessions of their own run."""
    install(session, "snn[all]", *group("test"), native=compiled(session))
    elsewhere = ("integration_tests/parity", "integration_tests/nir_peers", NEEDS_AEON, *NEEDS_NATIVE)
    pytest(session, "packages", "integration_tests", *(f"--ignore={folder}" for folder in elsewhere))


@nox.session(requires=["wheels"])
@nox.parametrize("kernels", [nox.param(name, id=name) for name in EXAMPLES])
def doctests(session: nox.Session, kernels: str) -> None:
    """The example of every docstring gives what it says, with fused kernels and without."""
    install(
        session, "snn[all]", "snn-data[vowels]", *group("test"), native=compiled(session) if kernels == "fused" else ()
    )
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
    # the wheel is the pure one
    pytest(session, f"packages/{package}/tests", *(f"--ignore={folder}" for folder in NEEDS_NATIVE))


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
def native(session: nox.Session) -> None:
    """Compiled kernels against the reference; loaded, switched off, broken, left out, a program gives the same."""
    if not compiled(session):
        session.error("this session tests fused kernels: on Linux, install g++ 11 or newer, or name a compiler in CXX")
    install(session, "snn[all]", *group("test"), native=NATIVE)
    pytest(session, *NEEDS_NATIVE)


@nox.session(requires=["wheels"])
def parity(session: nox.Session) -> None:
    """The same programs through snnTorch 1.0.0 and through ours, in one environment: the same numbers."""
    install(session, "snn[all]", *group("parity"), native=compiled(session))
    pytest(session, "integration_tests/parity")


@nox.session(requires=["wheels"])
def nir_peers(session: nox.Session) -> None:
    """Graphs that we write and other frameworks read, and the other way round, each in an environment of its own."""
    install(session, "snn[nir]", *group("test"))
    pythons = [f"{name}={environment(session, name, *needs)}" for name, needs in NIR_PEERS.items()]
    pytest(session, "integration_tests/nir_peers", NIR_PEERS=",".join(pythons))


@nox.session(requires=["wheels"])
def coverage(session: nox.Session) -> None:
    """Which lines the packages' own tests reach (not part of a push)."""
    kernels = compiled(session)
    install(session, "snn[all]", "snn-data[vowels]", *group("coverage"), native=kernels)
    without = () if kernels else (f"--ignore={folder}" for folder in NEEDS_NATIVE)
    arguments = ("-q", "-p", "no:cacheprovider", "packages", *without)
    session.run("coverage", "run", "-m", "pytest", *arguments, *session.posargs)
    session.run("coverage", "report")


PUSH = ["lint", "wheels", "types", "together", "native", "subsets", "parity", "nir_peers"]
PUSH += [f"doctests({kernels})" for kernels in EXAMPLES]
PUSH += [f"alone({name})" for name in PROJECTS] + [f"umbrella({name})" for name in EXTRAS]


@nox.session(venv_backend="none", requires=PUSH)
def tests(session: nox.Session) -> None:
    """Everything a push needs: lint, types, wheels, examples, tests of all kinds, subsets, extras, parity."""
    session.log(f"all {len(PUSH)} sessions passed")


@nox.session(requires=["wheels"])
def bench(session: nox.Session) -> None:
    """Time ours beside other libraries, each in an environment of its own; writes dist/bench.json (not for a push).

    With ``-- --functions`` single functions beside those of snnTorch, into dist/bench-functions.json.
    """
    install(session, "snn-cpu", "snn-functional", "snn-spikegen", "snn-data", "numpy", native=NATIVE)
    found = []
    for name, needs in ENVIRONMENTS.items():
        try:
            found += ["--python", f"{name}={environment(session, name, *needs)}"]
        except CommandFailed:
            found += ["--absent", f"{name}=uv could not install {', '.join(needs)}"]
    session.run("python", "-m", "bench", *found, *session.posargs, env={"PYTHONPATH": str(ROOT / "tools")})
