"""The doctor finds what does not fit together."""

from __future__ import annotations

import importlib
import sys
from importlib import metadata

import pytest
import torch
from packaging.version import Version

import snn.doctor
import snn_core
from snn._installing import command
from snn.doctor import Diagnosis, Piece, _problems, diagnose

from .fresh import new_python


@pytest.fixture
def installed(monkeypatch):
    """Pretend versions and requirements: a dictionary from distribution to (version or None, requirements)."""
    pretended: dict[str, tuple[str | None, list[str]]] = {}
    real_version, real_requires = metadata.version, metadata.requires

    def version(name: str) -> str:
        version = pretended[name][0] if name in pretended else real_version(name)
        if version is None:
            raise metadata.PackageNotFoundError(name)
        return version

    def requires(name: str) -> list[str] | None:
        return pretended[name][1] if name in pretended else real_requires(name)

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(metadata, "requires", requires)
    return pretended


def test_the_packages_of_these_tests_fit_together():
    diagnosis = diagnose()
    assert diagnosis.problems == []
    assert diagnosis.to_dict()["consistent"] is True


def test_it_reports_the_versions_that_run():
    diagnosis = diagnose()
    assert {piece.name: piece.version for piece in diagnosis.pieces}["snn-core"] == snn_core.__version__
    assert diagnosis.environment["torch"] == metadata.version("torch")
    assert Version(diagnosis.environment["torch"]).public == Version(torch.__version__).public
    assert diagnosis.environment["torch threads"] == torch.get_num_threads()


def test_it_reports_every_target_and_kernel_with_its_reason():
    backends = {backend["name"]: backend for backend in diagnose().backends}
    assert backends["loopback"]["kind"] == "target"
    assert backends["loopback"]["ok"] is True
    assert backends["loopback"]["reason"]


def test_a_piece_that_is_not_installed_is_not_a_problem(installed):
    installed["snn-ipu"] = (None, [])
    diagnosis = diagnose()
    assert diagnosis.problems == []
    assert f"snn-ipu         not installed ({command('snn[ipu]')[0]})" in str(diagnosis)
    assert command("snn[ipu]")[1] in str(diagnosis)


def test_a_version_outside_a_range_is_a_problem_that_names_both_and_the_remedy(installed):
    installed["snn-cpu"] = (metadata.version("snn-cpu"), ["snn-core>=0.1,<0.2"])
    (problem,) = diagnose().problems
    core = metadata.version("snn-core")
    assert f"needs snn-core<0.2,>=0.1, found {core}: pip install 'snn-core<0.2,>=0.1'" in problem
    assert problem.startswith("snn-cpu ")


def test_on_windows_a_remedy_is_in_double_quotes(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    needs: list[tuple[str, str | None]] = [("snn-core<0.2,>=0.1", "0.5.1"), ("no-such-distribution>=2", None)]
    problems = _problems(Piece("snn-cpu", metadata.version("snn-cpu"), needs))
    remedies = [text.partition("pip install ")[2] for text in problems]
    assert remedies == ['"snn-core<0.2,>=0.1"', '"no-such-distribution>=2"']


def test_a_development_version_is_inside_a_range_that_starts_with_it(installed):
    installed["snn-cpu"] = (metadata.version("snn-cpu"), ["snn-core>=0.5.0.dev0"])
    assert diagnose().problems == []


def test_a_missing_requirement_is_a_problem(installed):
    installed["snn-cpu"] = (metadata.version("snn-cpu"), ["no-such-distribution>=2"])
    (problem,) = diagnose().problems
    assert "needs no-such-distribution>=2, which is not installed" in problem


def test_requirements_of_extras_or_other_pythons_are_not_asked_for(installed):
    needs = ['no-such-distribution; extra == "all"', 'nor-this-one; python_version < "3"']
    installed["snn-cpu"] = (metadata.version("snn-cpu"), needs)
    assert diagnose().problems == []


def test_code_of_another_version_than_recorded_is_a_problem(monkeypatch):
    monkeypatch.setattr(snn_core, "__version__", "0.0.1")
    (problem,) = diagnose().problems
    assert f"snn-core is recorded as {metadata.version('snn-core')}, but its code is 0.0.1" in problem
    assert problem.endswith(f"pip install --force-reinstall --no-deps snn-core=={metadata.version('snn-core')}")


def test_a_package_that_does_not_import_is_a_problem_and_not_a_crash(monkeypatch):
    real = importlib.import_module

    def broken(name: str, package: str | None = None):
        if name == "snn_cpu":
            raise OSError("libsomething.so: cannot open shared object file")
        return real(name, package)

    monkeypatch.setattr(snn.doctor.importlib, "import_module", broken)
    (problem,) = diagnose().problems
    assert problem.startswith("snn-cpu ")
    assert problem.endswith("cannot be imported: OSError: libsomething.so: cannot open shared object file")


def test_a_torch_that_does_not_import_is_a_problem_of_its_packages_and_not_a_crash(tmp_path):
    error = "libtorch_cpu.so: cannot open shared object file"
    (tmp_path / "torch.py").write_text(f"raise OSError({error!r})\n", encoding="utf-8")
    program = "from snn.doctor import diagnose\nprint(*diagnose().problems, sep='\\n')"
    process = new_python(f"sys.path.insert(0, {str(tmp_path)!r})\n{program}")
    lines = [line for line in process.stdout.splitlines() if line.startswith("snn-core ")]
    assert [line.partition(" cannot be imported: ")[2] for line in lines] == [f"OSError: {error}"], process.stderr


def test_it_advises_to_tune_the_allocator_where_that_can_be_done(monkeypatch):
    monkeypatch.setattr("snn_cpu.allocator.is_tunable", lambda: True)
    (advice,) = diagnose().advice
    assert "snn_cpu.tune_allocator()" in advice
    assert f"advice: {advice}" in str(diagnose()).splitlines()
    monkeypatch.setattr("snn_cpu.allocator.is_tunable", lambda: False)
    assert diagnose().advice == []
    assert "advice" not in str(diagnose())


def test_problems_are_in_the_text_and_make_the_result_inconsistent():
    diagnosis = Diagnosis([Piece("snn", "0.5.0")], ["this and that"], {}, [])
    assert str(diagnosis).splitlines()[-1] == "problem: this and that"
    assert diagnosis.to_dict()["consistent"] is False
