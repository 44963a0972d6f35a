"""Tests of the package as a whole."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import snn_export
from snn_export.formats import FORMATS


def test_the_version_is_that_of_the_installed_distribution() -> None:
    assert snn_export.__version__ == importlib.metadata.version("snn-export")


def test_every_public_name_is_there() -> None:
    assert all(hasattr(snn_export, name) for name in snn_export.__all__)


def test_importing_it_loads_what_no_format_needs() -> None:
    needs = {need for form in FORMATS.values() for need in form.needs}
    needs |= {"snn_export.program", "snn_core"}
    program = f"import sys, snn_export; print({needs!r} & set(sys.modules) or 'none')"
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "none"


def test_every_extra_of_a_format_brings_what_the_format_needs() -> None:
    requires = importlib.metadata.requires("snn-export") or []
    for form in FORMATS.values():
        brought = {text.partition(">=")[0] for text in requires if f'extra == "{form.extra}"' in text.replace("'", '"')}
        assert {*form.needs} <= brought
