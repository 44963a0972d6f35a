"""Run every check of the workspace as a session: ``nox -l`` lists them, ``nox -s tests`` runs what a push needs.

Package code always comes from the built wheels, tests from the tree. ``dist/wheels`` has every distribution as a pure
wheel; ``dist/native`` also has those with compiled code as compiled wheels. No name of ours is ever looked up on an
index: a URL constraint names each wheel, and extras and version ranges still apply.
"""

from __future__ import annotations

import pathlib
import shutil
import sys
from collections.abc import Iterable

import nox
from nox.command import CommandFailed
from packaging.requirements import Requirement

sys.path.insert(0, str(pathlib.Path(__file__).parent / "tools"))
import changed
import gpus
import pages
import recorded
import wheelhouse
from bench import report
from bench.peers.registry import ENVIRONMENTS
from bench.peers.registry import LAST as LAST_RELEASE
from closure import closure, foreign_floors, short, with_foreign_extras
from matrix import releases, results
from matrix.covering import covering
from release import index
from sessions import (
    APART_EXTRAS,
    IN_WASM,
    INDEX,
    NEEDS_DEPLOY,
    NEEDS_EXECUTORCH,
    NEEDS_MORE,
    NEEDS_NATIVE,
    NEEDS_ONNX,
    NEEDS_TRITON,
    OF_C,
    OF_KERNELS,
    SHORT,
    beside,
    build,
    build_native,
    build_release,
    compiled,
    environment,
    floor,
    group,
    ignoring,
    install,
    install_sources,
    library_of_sources,
    publishable,
    pytest,
    resolved,
    same_files,
)
from subsets import closed_subsets
from workspace import NATIVE, NATIVE_WHEELHOUSE, PROJECTS, ROOT, WHEELHOUSE, built, module

nox.needs_version = ">=2025.11"
nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = True
nox.options.sessions = ["tests"]

UMBRELLA = "snn"
TYPED_USE = "integration_tests/typed_use.py"
# programs that the session "deploy" needs, and the Debian packages that contain them
DEPLOYS = {
    "gcc": "gcc",
    "g++": "g++",
    "clang": "clang",
    "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "arm-none-eabi-size": "binutils-arm-none-eabi",
    "qemu-system-arm": "qemu-system-arm",
    "node": "nodejs",
}
NO_DEPLOY = {program: package for program, package in DEPLOYS.items() if shutil.which(program) is None}
NO_GPU = gpus.missing()
# frameworks that read and write NIR, and what is installed in the environment of each; sinabs pins its nir
NIR_PEERS = {
    "norse": ("norse==1.1.0", "nir==1.0.8", "nirtorch==2.6", "numpy"),
    "spikingjelly": ("spikingjelly==2.0.0", "nir==1.0.8", "nirtorch==2.6", "numpy"),
    "sinabs": ("sinabs==3.1.3", "nir==1.0.4", "nirtorch==2.0.2", "numpy"),
}
# what is installed to test beside another library, and pytest's arguments
LIBRARIES = {
    # graphs are exchanged in both directions with frameworks, each in its own environment
    "nir": (("snn[nir]", *group("test")), ("integration_tests/nir_peers",)),
    # it measures the same for our nets as for snnTorch's
    "neurobench": (
        ("snn[data,functional,nir]", "snn-data[digits]", *group("neurobench")),
        ("-n", "0", "integration_tests/neurobench"),
    ),
    "onnx": (("snn-export[onnx]", "snn-models", *group("onnx")), (NEEDS_ONNX, "integration_tests/onnx")),
    # not part of a push; it warns as it is imported
    "executorch": (("snn-export[executorch]", *group("test")), ("-W", "default", NEEDS_EXECUTORCH)),
    # not part of a push: the program of docs/scale.md on two processes
    "lightning": (("snn[functional]", *group("scale")), ("-n", "0", "integration_tests/scale")),
    # not part of a push: the programs of docs/other-tools.md
    "tools": (("snn[data,sklearn]", "snn-data[digits]", *group("tools")), ("-n", "0", "integration_tests/other_tools")),
}
WITH_TOOLS = {"PYTHONPATH": str(ROOT / "tools")}
NEEDS_NOX = "integration_tests/matrix/sessions"
DOCUMENTS = "integration_tests/test_documents.py"
PAGES = ROOT / "dist" / "pages"
RECIPES = "integration_tests/recipes"
ON_BOARDS = "integration_tests/boards"
ZOO = "integration_tests/zoo"
INTERPRETED, COMPILED, ON_GPU = NEEDS_TRITON
# tests that need extras that snn[all] leaves out; alone(snn-data) installs every extra
APART = tuple(f"packages/snn-data/tests/sets/test_{name}.py" for name in ("plaid", "vowels", "watch_exercises"))
ELSEWHERE = (
    *(*APART, *NEEDS_MORE, NEEDS_NOX, DOCUMENTS, RECIPES, ZOO),
    *(
        f"integration_tests/{name}"
        for name in ("boards", "browser", "neurobench", "nir_peers", "onnx", "other_tools", "parity", "scale", "wasm")
    ),
)
# they have no examples, and import libraries that are not installed
BARE = ("--ignore=tools/sessions.py", "--ignore=tools/release/sbom.py")
EXTRAS = sorted(PROJECTS[UMBRELLA]["optional-dependencies"])
LAST = recorded.last(ROOT)
DEPENDENT = [name for name in PROJECTS if closure(name) != {name}]
# packages that need one of ours, or that one of ours needs
RELATED = sorted({*DEPENDENT}.union(*map(closure, DEPENDENT)))
RELEASED = [("tree", name) for name in DEPENDENT] + [("last", name) for name in RELATED]
# packages with a floor on something other than torch, which has its own session
FLOORED = [
    name for name in PROJECTS if foreign_floors(name, Requirement(with_foreign_extras(name)).extras).keys() - {"torch"}
]
# sets that the sessions together and alone install anyway
ONCE = [{*PROJECTS}, *(closure(name) for name in PROJECTS)]
SUBSETS = [
    subset for subset in covering(closed_subsets({name: closure(name) for name in PROJECTS})) if {*subset} not in ONCE
]


@nox.session
def wheels(session: nox.Session) -> None:
    """Build all sdists, and the wheels from them, into dist/wheels; native wheels go into dist/native.

    A wheel built from the tree must be the same file. Only packages that have changed since they were built are built.
    ``-- --release FOLDER`` also writes all files, an index of them for pip, and the site into one folder. Pages that
    have not run since they changed then run for the site; with ``--no-tests`` too, none runs.
    """
    into, words = index.option(session.posargs)
    if into is not None:
        try:
            index.must_be_empty(into)
        except ValueError as error:
            session.error(str(error))
    folder = pathlib.Path(session.create_tmp())
    now = wheelhouse.sources()
    stale = wheelhouse.stale(now)
    session.log(f"building {', '.join(stale) or 'nothing: no source has changed'}")
    (WHEELHOUSE / wheelhouse.STAMP).unlink(missing_ok=True)
    shutil.rmtree(folder / "direct", ignore_errors=True)
    build(session, WHEELHOUSE, names=stale)
    build(session, folder / "direct", "--wheel", names=stale)
    same_files(session, folder / "direct", WHEELHOUSE)
    if "snn-cpu" in stale:
        shutil.rmtree(NATIVE_WHEELHOUSE, ignore_errors=True)
    if compiled(session) and not list(NATIVE_WHEELHOUSE.glob("*.whl")):
        build_native(session, folder / "native", built("snn-cpu", ".tar.gz"))
        build_native(session, folder / "native-direct", ROOT / "packages" / "snn-cpu")
        same_files(session, folder / "native-direct", folder / "native")
        session.install(*group("wheels"), *INDEX)
        publishable(session, built("snn-cpu", ".whl", folder / "native"), NATIVE_WHEELHOUSE)
    wheelhouse.stamp(now)
    if into is not None:
        install(session, "snn[all]", "snn-data[offline]", *group("docs"), native=compiled(session))
        site = build_site(session, untested="--no-tests" in words)
        files = [*WHEELHOUSE.glob("*.whl"), *WHEELHOUSE.glob("*.tar.gz"), *NATIVE_WHEELHOUSE.glob("*.whl")]
        index.write(files, site, into)
        session.log(f"pip install 'snn[all]>=0.5' --extra-index-url {(into / 'simple').resolve().as_uri()}")


@nox.session
def quickstart(session: nox.Session) -> None:
    """Set everything up and train a spiking network on real digits; print the accuracy and the path of the report."""
    session.log("1/3 building the packages")
    shutil.rmtree(WHEELHOUSE, ignore_errors=True)
    build(session, WHEELHOUSE)
    kernels = compiled(session)
    if kernels:
        try:
            build_native(session, NATIVE_WHEELHOUSE, ROOT / "packages" / "snn-cpu")
        except CommandFailed:  # such as a compiler that is too old; its own message is on the screen
            session.log("continuing without fused kernels: they do not compile here")
            kernels = ()
    session.log("2/3 installing snn[demo]: PyTorch is large, so the first run takes minutes")
    install(session, "snn[demo]", native=kernels)
    session.log("3/3 training")
    session.run("snn", "demo", "--out", "snn-demo", *session.posargs)


@nox.session(reuse_venv=True)
def quick(session: nox.Session) -> None:
    """Check lint and types, and test the packages that differ from the main branch, without building a wheel.

    ``-- --base COMMIT`` compares with another commit; what follows goes to pytest.
    """
    base, session.posargs[:] = changed.option(session.posargs)
    try:
        files = changed.files(base)
    except ValueError as error:
        session.error(str(error))
    if not files:
        session.log(f"nothing differs from {base or 'the main branch'}: there is nothing to check")
        return
    choice = changed.choice(files, ELSEWHERE)
    session.log(f"{len(files)} files differ; packages: {', '.join(choice.packages) or 'none'}")
    check_style(session)
    install_sources(session, *group("test"), *group("types"))
    check_types(session, choice.packages)
    if choice.paths:
        library = library_of_sources(session)
        apart = [place for place in ELSEWHERE if place != OF_KERNELS or not library]
        pytest(session, *SHORT, *choice.paths, *ignoring(apart), SNN_CPU_LIBRARY=library)


@nox.session
def lint(session: nox.Session) -> None:
    """Check Ruff's rules and layout, the programs of pages within 80 columns, and that the English is plain."""
    check_style(session)


def check_style(session: nox.Session) -> None:
    """Install the checkers of style, and run them."""
    session.install(*group("lint"), *INDEX)
    session.run("ruff", "check", "--no-cache", "--output-format", "concise", ".")
    session.run("ruff", "format", "--no-cache", "--check", ".")
    session.run("ruff", "format", "--no-cache", "--check", "--line-length", "80", *pages.pages())
    session.run("python", "tools/plain_words.py")


@nox.session(requires=["wheels"])
def types(session: nox.Session) -> None:
    """Check the types of all packages, complete for public names, the namespace's stub, and a program's types."""
    install(session, "snn[all]", *group("types"), *group("test"))
    check_types(session, PROJECTS)


def check_types(session: nox.Session, packages: Iterable[str]) -> None:
    """Check all types, and that those of the public names of packages are complete."""
    session.run("pyrefly", "check", "--python-interpreter-path", f"{session.bin}/python", "--output-format", "min-text")
    session.run("python", "tools/typed_api.py", *map(module, packages))
    session.run("python", "-m", "mypy.stubtest", UMBRELLA)
    session.run("python", "-m", "mypy", "--warn-unused-ignores", TYPED_USE)
    session.run("python", "-m", "pyright", "--pythonpath", f"{session.bin}/python", TYPED_USE)


@nox.session(requires=["wheels"])
def together(session: nox.Session) -> None:
    """Test all packages installed together: their tests and the integration tests, except those with other sessions."""
    install(session, "snn[all]", *group("test"), native=compiled(session))
    pytest(session, *SHORT, "packages", "integration_tests", *ignoring(ELSEWHERE))


@nox.session(requires=["wheels"])
def exhaustive(session: nox.Session) -> None:
    """Run the long tests, over thousands of nets, files and calls, with every package (not part of ``tests``).

    SNN_FUZZ_SECONDS sets for how long random runs of random nets are compared with their equations.
    """
    kernels = compiled(session)
    install(session, "snn[all]", "snn-export[wasm]", *group("test"), native=kernels)
    pytest(session, "-m", "exhaustive", "packages", "integration_tests", *ignoring(ELSEWHERE))
    if kernels:
        pytest(session, "-m", "exhaustive", *NEEDS_NATIVE)


@nox.session(requires=["wheels"])
def docs(session: nox.Session) -> None:
    """Run every program of every page, and every docstring's example with fused kernels and without; build the site.

    The site, with what the pages print and draw, is in dist/docs. With ``-- --no-tests``, nothing runs: a page that has
    not changed since its programs ran shows their last output.
    """
    install(session, "snn[all]", "snn-data[offline]", *group("docs"), native=compiled(session))
    untested = "--no-tests" in session.posargs
    if not untested:
        shutil.rmtree(PAGES, ignore_errors=True)
        pytest(session, DOCUMENTS, SNN_PAGES=str(PAGES))
        examples = ("--doctest-modules", "tools", *BARE, "--pyargs", *map(module, PROJECTS))
        pytest(session, *examples)
        if compiled(session):
            pytest(session, *examples, SNN_DISABLE_NATIVE="1")
    build_site(session, untested)


def build_site(session: nox.Session, untested: bool) -> pathlib.Path:
    """Build the site with what the pages printed, running none if ``untested``; check it; return its folder."""
    site, doctrees = ROOT / "dist" / "docs", pathlib.Path(session.create_tmp()) / "doctrees"
    shutil.rmtree(site, ignore_errors=True)
    variables = {"SNN_PAGES": str(PAGES), "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    if untested:
        variables["SNN_PAGES_KEPT"] = "1"
    shutil.rmtree(doctrees, ignore_errors=True)
    strictly = ("-q", "-j", "auto", "--fail-on-warning", "--nitpicky", "-d", str(doctrees))
    session.run("sphinx-build", *strictly, "-c", "docs", str(ROOT), str(site), env=variables)
    session.run("python", "tools/offline.py", str(site))
    session.run("python", "tools/site_check.py", str(site), env=WITH_TOOLS)
    session.log(f"open {site / 'index.html'}")
    return site


@nox.session(requires=["wheels"])
@nox.parametrize("package", [nox.param(name, id=name) for name in PROJECTS])
def alone(session: nox.Session, package: str) -> None:
    """Test one package from its wheel, with what it declares and no more: every module imports, and its tests pass.

    The tests marked exhaustive are left out; the session of that name runs them.
    """
    install(session, package)
    session.run("python", "tools/import_all.py", module(package))
    install(session, with_foreign_extras(package), *group("test"))
    # the wheel is the pure one
    pytest(session, *SHORT, f"packages/{package}/tests", *ignoring(NEEDS_MORE))


@nox.session(requires=["wheels"])
def subsets(session: nox.Session) -> None:
    """Check that every set of packages closed under dependencies imports, finds entry points and names what is missing.

    Each extra of the umbrella must install what it names and nothing else of ours. With ``-- NAMES``, only sets of
    these packages and of what they need are checked.
    """
    for extra in EXTRAS:
        resolved(session, f"{UMBRELLA}[{extra}]")
    names = sorted(closure(*session.posargs)) or [*PROJECTS]
    install(session, *names)  # for the dependencies on others; ours are then laid out, each in its own folder
    overlay = pathlib.Path(session.create_tmp()) / "overlay"
    shutil.rmtree(overlay, ignore_errors=True)
    for name in names:
        into = ("--target", str(overlay / name))
        session.run("uv", "pip", "install", "-q", "--no-deps", *into, str(built(name)), silent=True)
    session.run("uv", "pip", "uninstall", "-q", *names)
    session.run("python", "tools/subsets.py", str(overlay))


@nox.session(requires=["wheels"])
def native(session: nox.Session) -> None:
    """Compare compiled kernels with the reference; run a program with them loaded, switched off, broken, left out."""
    if not compiled(session):
        session.error("this session tests fused kernels: on Linux, install g++ 11 or newer, or name a compiler in CXX")
    install(session, "snn[all]", *group("test"), native=NATIVE)
    pytest(session, *SHORT, *NEEDS_NATIVE)


@nox.session(requires=["wheels"])
def parity(session: nox.Session) -> None:
    """Check that programs give the same numbers as with snnTorch 1.0.0, and a residual net as in SpikingJelly."""
    install(session, "snn[all]", *group("parity"), native=compiled(session))
    pytest(session, "integration_tests/parity")


@nox.session(requires=["wheels"])
@nox.parametrize("name", [nox.param(name, id=name) for name in LIBRARIES])
def library(session: nox.Session, name: str) -> None:
    """Test what we share with another library, in an environment of its own: nets, graphs, files, measures."""
    requirements, options = LIBRARIES[name]
    install(session, *requirements, native=compiled(session) if name == "lightning" else ())
    pythons = NIR_PEERS.items() if name == "nir" else ()
    environments = [f"{peer}={environment(session, peer, *needs)}" for peer, needs in pythons]
    pytest(session, *options, NIR_PEERS=",".join(environments))


@nox.session(requires=["wheels"])
@nox.parametrize("subset", [nox.param(members, id=short(members)) for members in SUBSETS])
def pairwise(session: nox.Session, subset: tuple[str, ...]) -> None:
    """Test a set of packages: run their tests, and the integration tests for which every needed package is there.

    Together with ``alone`` and ``together``, these sets cover, for every two packages: both, neither, and each alone.
    """
    expected = [with_foreign_extras(name, without=APART_EXTRAS) for name in subset]
    versions = install(session, *expected, *group("test"), native={*compiled(session)} & {*subset})
    results.note(session.name, subset, versions)
    tests = [f"packages/{name}/tests" for name in subset]
    pytest(session, "-p", "matrix.needs", *SHORT, *tests, "integration_tests", *ignoring(ELSEWHERE))


@nox.session(requires=["wheels"])
@nox.parametrize("package", [nox.param(name, id=name) for name in (*FLOORED, "torch")])
def lowest(session: nox.Session, package: str) -> None:
    """Test one package with the oldest version of everything it declares except torch.

    ``lowest(torch)`` tests all packages with the oldest torch instead, but not torch.compile; it may download much.
    """
    if package != "torch":
        floor(session, package, f"torch=={install(session, package)['torch']}")
        return
    (torch,) = (Requirement(text) for text in PROJECTS["snn-core"]["dependencies"])
    (oldest,) = (clause.version for clause in torch.specifier if clause.operator == ">=")
    versions = install(session, "snn[all]", f"torch=={oldest}.*", *group("test"), native=compiled(session))
    results.note(session.name, PROJECTS, versions)
    pytest(session, "-m", "not compiles", "packages", *ignoring(ELSEWHERE))


@nox.session(requires=["wheels"])
@nox.parametrize("which, package", [nox.param(*pair, id=" ".join(pair)) for pair in RELEASED])
def released(session: nox.Session, which: str, package: str) -> None:
    """Test a package beside the last releases of the others, or the last release of one beside this tree's others.

    ``released(tree snn-nir)`` runs this tree's tests of this tree's package, and ``released(last snn-nir)`` those of
    the last release of the package, each with the others as far as the declared ranges allow.
    """
    if which == "last" and package not in LAST:
        session.error(f"{package} has not been released: {recorded.FILE} lists no version of it")
    trees = {name: build_release(session, name, release.commit) for name, release in LAST.items()}
    last = {name: releases.read(built(name, ".whl", tree.parent)) for name, tree in trees.items()}
    ours = {name: releases.read(built(name)) for name in PROJECTS}
    if which == "tree":
        choice = releases.fitting(package, {**last, package: ours[package]}, ours)
    else:
        del ours[package]
        choice = releases.fitting(package, {**ours, package: last[package]}, last)
    beside(session, package, choice, ROOT if which == "tree" else trees[package])


@nox.session(requires=["wheels"])
def defects(session: nox.Session) -> None:
    """Rehearse a release; check that the matrix finds defects planted in copies of the tree, and the users' recipe."""
    install(session, *group("matrix"))
    # in a copy of the tree, up to the files to publish
    session.run("python", "-m", "release", "all", "final", "--rehearsal", "--untested", env=WITH_TOOLS)
    pytest(session, NEEDS_NOX)


MATRIX = [f"pairwise({short(subset)})" for subset in SUBSETS] + [f"lowest({name})" for name in FLOORED]
MATRIX += [f"released({which} {name})" for which, name in RELEASED if which == "tree" or name in LAST]
MATRIX += ["defects"]


@nox.session(venv_backend="none")
def matrix(session: nox.Session) -> None:
    """Run the version matrix, write dist/matrix.json and docs/compatibility.md; fail if any of its sessions fails."""
    shutil.rmtree(results.RECORDS, ignore_errors=True)
    results.RECORDS.mkdir(parents=True)
    nested = (sys.executable, "-m", "nox", "-f", str(ROOT / "noxfile.py"), "--report", str(results.REPORT))
    session.run(*nested, "-s", *MATRIX, success_codes=[0, 1])
    session.run(sys.executable, "-m", "matrix", env=WITH_TOOLS)


@nox.session(requires=["wheels", "docs"])
def browser(session: nox.Session) -> None:
    """Check the demo's reports, the gallery and the site in Chromium, which must be installed (not part of a push)."""
    install(session, "snn[demo]", *group("browser"))
    pytest(session, "integration_tests/browser")


@nox.session(requires=["wheels"])
def recipes(session: nox.Session) -> None:
    """Run every recipe of docs/recipes on a few samples, with the data sets that snn[all] leaves out.

    ``-- --train`` trains them with every seed instead, and rewrites the tables of docs/recipes.md; ``-- --train --tasks
    vowels plaid`` trains some of them, and ``-- --train --tables`` none. ``-- --train --folder FOLDER`` trains the one
    of Fashion-MNIST, from its files; ``-- --train --windows`` compares surrogates for docs/performance.md, and
    ``-- --train --baselines`` trains ordinary models.
    """
    install(session, "snn[all]", "snn-data[offline]", *group("test"), native=compiled(session))
    if session.posargs[:1] == ["--train"]:
        session.run("python", "tools/recipes.py", *session.posargs[1:], env={"OMP_NUM_THREADS": "1"})
        return
    pytest(session, RECIPES)


@nox.session(requires=["wheels"])
def zoo(session: nox.Session) -> None:
    """Check that the trained nets of snn-data repeat their accuracy, with fused kernels and without.

    ``-- --train`` trains them and rewrites their files; ``-- --train digits`` trains one of them.
    """
    install(session, "snn[all]", "snn-data[digits,mnist5k,vowels]", *group("test"), native=compiled(session))
    if session.posargs[:1] == ["--train"]:
        session.run("python", "tools/train_zoo.py", *session.posargs[1:], env={"OMP_NUM_THREADS": "1"})
        return
    pytest(session, ZOO)
    pytest(session, ZOO, SNN_DISABLE_NATIVE="1")


@nox.session(requires=["wheels"])
def trust(session: nox.Session) -> None:
    """Measure every neuron and rewrite the tables of docs/trust.md (not part of a push)."""
    install(session, "snn-cpu", *group("trust"), native=compiled(session))
    session.run("python", "-m", "trust", "docs/trust.md", env=WITH_TOOLS | {"OMP_NUM_THREADS": "1"})


@nox.session(requires=["wheels"])
def triton(session: nox.Session) -> None:
    """Run GPU kernels on CPU tensors, in Triton's interpreter, and compile them for GPUs, none of which is needed.

    Triton is from the index, as a PyTorch for CPUs does not install it.
    """
    versions = install(session, "snn-triton", *group("triton"))
    session.log(f"with triton {versions.get('triton', 'none: Triton needs Linux')}")
    pytest(session, INTERPRETED, TRITON_INTERPRET="1")
    cache = pathlib.Path(session.create_tmp()) / "cache"
    shutil.rmtree(cache, ignore_errors=True)  # otherwise kernels that were compiled before are not compiled again
    pytest(session, COMPILED, TRITON_INTERPRET="0", TRITON_CACHE_DIR=str(cache))


@nox.session(requires=[] if NO_DEPLOY else ["wheels"])
def deploy(session: nox.Session) -> None:
    """Compile nets in C, and run them with sanitizers, on emulated boards and as WebAssembly (not for a push).

    ``-- --page`` runs the trained nets on the boards instead, and rewrites the table of docs/microcontroller.md.
    """
    if NO_DEPLOY:
        packages = " ".join(sorted({*NO_DEPLOY.values()}))
        session.error(f"missing: {', '.join(NO_DEPLOY)}; on Debian, apt-get install {packages}")
    install(
        session,
        *("snn[data,export,functional]", "snn-export[wasm]", "snn-data[digits,mnist5k,vowels]"),
        *group("test"),
    )
    if session.posargs == ["--page"]:
        session.run("python", "tools/boards.py")
        return
    pytest(session, NEEDS_DEPLOY, *IN_WASM, ON_BOARDS)
    # those of the long tests of C that compile each net to WebAssembly
    pytest(session, "-m", "exhaustive", OF_C, f"--ignore={NEEDS_DEPLOY}")


@nox.session(requires=[] if NO_GPU else ["wheels"], venv_backend="none" if NO_GPU else None)
def gpu(session: nox.Session) -> None:
    """Test and time the kernels on this machine's GPU; the exit code is 3 if there is none (not part of a push).

    It writes docs/gpu-results.md. Arguments after -- go to pytest.
    """
    reason = NO_GPU
    if not reason:
        install(session, "snn[all]", *group("test"), native=compiled(session))
        look = "import gpus; print(gpus.unseen() or '')"
        reason = str(session.run("python", "-c", look, env=WITH_TOOLS, silent=True, log=False)).strip()
    if reason:
        session.log(reason)
        sys.exit(gpus.NONE)
    pytest(session, "-n", "0", ON_GPU)
    session.run("python", "-m", "bench.gpu", *peers(session, ("snntorch", "spikingjelly")), env=WITH_TOOLS)


def peers(session: nox.Session, names: Iterable[str]) -> list[str]:
    """Install other libraries; return the benchmark's arguments: the interpreter of each, or why there is none."""
    words = []
    for name in names:
        try:
            words += ["--python", f"{name}={environment(session, name, *ENVIRONMENTS[name])}"]
        except CommandFailed:
            words += ["--absent", f"{name}=uv could not install {', '.join(ENVIRONMENTS[name])}"]
    return words


PUSH = ["lint", "wheels", "types", "together", "native", "subsets", "parity", "docs"]
PUSH += [f"alone({name})" for name in PROJECTS]


@nox.session(venv_backend="none", requires=PUSH)
def tests(session: nox.Session) -> None:
    """Run everything a push needs: lint, types, wheels, pages, examples, tests of all kinds, extras, parity."""
    session.log(f"all {len(PUSH)} sessions passed")


@nox.session(venv_backend="none", requires=["library(nir)", "library(neurobench)", "library(onnx)", "recipes", "zoo"])
def others(session: nox.Session) -> None:
    """Run what a push needs besides ``tests``: exchange with other libraries, the recipes, and the trained nets."""
    session.log("all passed")


def last_release(session: nox.Session) -> pathlib.Path:
    """Install the last release of the core, its kernels, compiled here, and the losses; return the interpreter."""
    trees = {
        name: build_release(session, name, LAST[name].commit) for name in ("snn-core", "snn-functional", "snn-cpu")
    }
    native = pathlib.Path(session.create_tmp()) / "native"
    build_native(session, native, trees["snn-cpu"] / "packages" / "snn-cpu")
    wheels = [built(name, ".whl", native if name == "snn-cpu" else tree.parent) for name, tree in trees.items()]
    return environment(session, LAST_RELEASE, *map(str, wheels), "numpy")


@nox.session(requires=["wheels"])
def bench(session: nox.Session) -> None:
    """Time snn and other libraries, each in its own environment; write dist/bench.json (not part of a push).

    ``-- W2 W4 --peers snn-last snn-steps snn-last-steps`` times two workloads, and compares only with our last release.
    ``-- --programs`` times whole training steps, into dist/bench-programs.json; ``-- --functions`` single functions
    beside those of snnTorch, into dist/bench-functions.json; ``-- --scaling`` one process and two, into
    dist/bench-scaling.json; ``-- --latency`` a step of a stream. ``-- --accuracy`` measures how well the tasks of
    ``snn demo`` are learned, into dist/bench-accuracy.json.
    """
    if "--accuracy" in session.posargs:
        install(session, "snn[demo]", "snn-data[mnist5k,vowels]", native=NATIVE)
    else:
        install(session, "snn-cpu", "snn-functional", "snn-spikegen", "snn-data", "numpy", native=NATIVE)
    needed = report.environments(session.posargs)
    last = ["--python", f"{LAST_RELEASE}={last_release(session)}"] if LAST_RELEASE in needed else []
    others = peers(session, (name for name in ENVIRONMENTS if name in needed))
    session.run("python", "-m", "bench", *last, *others, *session.posargs, env=WITH_TOOLS)
