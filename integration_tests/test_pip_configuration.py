"""The sessions find what this machine's pip is told, and add nothing where it is told nothing."""

from __future__ import annotations

import pytest

import pip_configuration


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A pip that reads one file and one variable, and a uv without settings."""
    for variable in ("UV_FIND_LINKS", "UV_CONSTRAINT", "UV_DEFAULT_INDEX", "SSL_CERT_FILE", "SNN_FRESH"):
        monkeypatch.delenv(variable, raising=False)
    file = tmp_path / "pip.conf"
    file.write_text("", encoding="utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.setattr(pip_configuration.sys, "executable", pip_with(tmp_path))
    return file, monkeypatch


def pip_with(folder) -> str:
    """A stand-in for a Python whose ``-m pip config list`` prints a file beside it."""
    program = folder / "python"
    program.write_text('#!/bin/sh\ncat "$PIP_CONFIG_FILE"\n', encoding="utf-8")
    program.chmod(0o755)
    return str(program)


def test_uv_gets_no_arguments_if_nothing_is_configured(machine):
    assert pip_configuration.settings() == {}
    assert pip_configuration.index_arguments({}) == pip_configuration.constraint_arguments({}) == []


def test_a_folder_that_two_sources_name_is_passed_on_once(machine):
    file, _ = machine
    file.write_text(":env:.find-links='/w'\nglobal.constraint='/c.txt'\nglobal.find-links='/w'\n", encoding="utf-8")
    settings = pip_configuration.settings()
    assert pip_configuration.index_arguments(settings) == ["--find-links", "/w"]
    assert pip_configuration.constraint_arguments(settings) == ["-c", "/c.txt"]


def test_the_environment_outranks_a_file_as_in_pip(machine):
    file, _ = machine
    file.write_text(":env:.index-url='https://b'\nglobal.index-url='https://a'\n", encoding="utf-8")
    assert pip_configuration.index_arguments(pip_configuration.settings()) == ["--default-index", "https://b"]


def test_a_setting_of_uv_replaces_that_of_pip(machine):
    file, monkeypatch = machine
    file.write_text("global.find-links='/pip'\n", encoding="utf-8")
    monkeypatch.setenv("UV_FIND_LINKS", "/uv,/more")
    settings = pip_configuration.settings()
    assert pip_configuration.index_arguments(settings) == ["--find-links", "/uv", "--find-links", "/more"]


def test_a_fresh_machine_knows_its_index_and_certificate_and_nothing_else(machine):
    file, monkeypatch = machine
    lines = [f"global.{key}='/{key}'" for key in ("find-links", "constraint", "index-url", "cert")]
    file.write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setenv("SNN_FRESH", "1")
    assert pip_configuration.settings() == {"index-url": ["/index-url"], "cert": ["/cert"]}
