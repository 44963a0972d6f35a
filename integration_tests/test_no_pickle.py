"""Nothing in the tree reads or writes a file that could run."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from workspace import ROOT

SOURCES = sorted(path for folder in ("packages/*/src", "tools", "docs") for path in ROOT.glob(f"{folder}/**/*.py"))
REFUSES_TO_RUN = {
    # a reader that knows a few names of NumPy and refuses all others, which its tests show
    "packages/snn-data/src/snn_data/files/array_pickle.py": ["import pickle"],
    # the states of any optimizer and scheduler, which are more than tensors; read with weights_only=True alone
    "packages/snn-functional/src/snn_functional/_fit/checkpoint.py": ["torch.save"],
}
UNSAFE = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}


def unsafe(source: str) -> Iterator[str]:
    """Return the parts of a program that unpickle or pickle."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (f"import {a.name}" for a in node.names if a.name.partition(".")[0] in UNSAFE)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0 and (node.module or "").partition(".")[0] in UNSAFE:
                yield f"from {node.module}"
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
            if name in ("torch.load", "torch.jit.load") and keywords.get("weights_only") != "True":
                yield f"{name} without weights_only=True"
            if name == "torch.save":
                yield name
            if keywords.get("allow_pickle", "False") != "False":
                yield f"{name}(allow_pickle={keywords['allow_pickle']})"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_source_pickles(path) -> None:
    known = REFUSES_TO_RUN.get(path.relative_to(ROOT).as_posix(), [])
    assert list(unsafe(path.read_text(encoding="utf-8"))) == known


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import pickle", ["import pickle"]),
        ("from pickle import load", ["from pickle"]),
        ("import torch\ntorch.load(f)", ["torch.load without weights_only=True"]),
        ("torch.load(f, weights_only=False)", ["torch.load without weights_only=True"]),
        ("torch.load(f, weights_only=True)", []),
        ("torch.save(x, f)", ["torch.save"]),
        ("np.load(f, allow_pickle=True)", ["np.load(allow_pickle=True)"]),
        ("np.load(f, allow_pickle=how)", ["np.load(allow_pickle=how)"]),
        ("np.load(f, allow_pickle=False)", []),
        ("text = 'pickle'", []),
    ],
)
def test_the_scan_finds_code_that_pickles(source: str, expected: list[str]) -> None:
    assert list(unsafe(source)) == expected
