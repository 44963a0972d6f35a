"""Tests of which modules a version describes."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from snn_data.installed import is_installed, version_of

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"


@pytest.mark.parametrize("module", ["torch", "torch.nn.functional", "numpy", "json", "functools", "builtins"])
def test_libraries_and_pythons_own_modules_are_installed(module):
    assert is_installed(module)
    assert version_of(module)


def test_a_module_without_a_distribution_is_not_installed(tmp_path, monkeypatch):
    (tmp_path / "module_of_a_user.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("module_of_a_user")
    assert not is_installed("module_of_a_user")
    assert version_of("module_of_a_user") == ""
    sys.modules.pop("module_of_a_user")


@pytest.mark.parametrize(
    ("version", "beside", "installed"), [("1.2", True, True), ("1.2", False, False), ("1.2.dev0", True, False)]
)
def test_a_distribution_counts_where_its_files_are_and_its_version_is_final(tmp_path, version, beside, installed):
    code, info = tmp_path / "code", tmp_path / ("code" if beside else "site")
    (info / f"made-{version}.dist-info").mkdir(parents=True)
    (info / f"made-{version}.dist-info" / "METADATA").write_text(METADATA.format(name="made", version=version))
    (info / f"made-{version}.dist-info" / "top_level.txt").write_text("made_for_this\n")
    code.mkdir(exist_ok=True)
    (code / "made_for_this.py").write_text("")
    program = (
        "import made_for_this, snn_data.installed as i; print(i.is_installed(n := 'made_for_this'), i.version_of(n))"
    )
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {[str(code), str(info)]}; {program}"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.split() == [str(installed), "made", version]


def test_metadata_beside_an_editable_install_does_not_count(tmp_path):
    (tmp_path / "made.egg-info").mkdir()
    (tmp_path / "made.egg-info" / "PKG-INFO").write_text(METADATA.format(name="made", version="1.2"))
    (tmp_path / "made.egg-info" / "top_level.txt").write_text("made_for_this\n")
    (tmp_path / "made.egg-info" / "SOURCES.txt").write_text("made_for_this.py\n")
    (tmp_path / "made_for_this.py").write_text("")
    program = "import made_for_this, snn_data.installed as i; print(i.is_installed('made_for_this'))"
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {program}"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == ["False"]
