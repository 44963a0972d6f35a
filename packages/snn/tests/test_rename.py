"""``snn rename``: programs and notebooks that import snnTorch import ``snn``, and nothing else of them changes."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn.cli import main
from snn.renaming.notebook import as_python, cells_of
from snn.renaming.python_source import parsed
from snn.renaming.python_source import renamed as renamed_imports


def renamed(source: str) -> str:
    """Return a program, or a notebook's cell, after renaming."""
    return renamed_imports(source, parsed(as_python(source)))


TRAINING = '''\
#!/usr/bin/env python
# snntorch on MNIST
"""Trains a net with snntorch; see snntorch.readthedocs.io."""
import torch, snntorch as snn
from snntorch import surrogate, utils
from snntorch.functional import (accuracy_rate,  # snntorch.functional
                                 ce_rate_loss)
import snntorch.spikeplot as splt
import snntorch_ternary
from snntorch_ternary import snntorch as other
from .snntorch import local

WEIGHTS = "weights/snntorch_mnist.pt"
net = torch.nn.Sequential(torch.nn.Linear(784, 10), snn.Leaky(beta=0.9, spike_grad=surrogate.atan()))
torch.save(net.state_dict(), f"snntorch {WEIGHTS}")
options = dict(snntorch=snntorch_ternary.snntorch)
'''

RENAMED = (
    TRAINING.replace("torch, snntorch as snn", "torch, snn")
    .replace("from snntorch import", "from snn import")
    .replace("from snntorch.functional import", "from snn.functional import")
    .replace("import snntorch.spikeplot as splt", "import snn.spikeplot as splt")
)


def test_imports_are_renamed_and_texts_comments_and_longer_names_stay():
    assert renamed(TRAINING) == RENAMED


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import snntorch\nsnntorch.Leaky(0.9)", "import snn as snntorch\nsnntorch.Leaky(0.9)"),
        ("import snntorch as snntorch\nsnntorch.Leaky", "import snn as snntorch\nsnntorch.Leaky"),
        ("import snntorch as st\nst.Leaky(0.9)", "import snn as st\nst.Leaky(0.9)"),
        ("import os, snntorch as snn, sys", "import os, snn, sys"),
        ("import snntorch.utils\nsnntorch.utils.reset(net)", "import snn as snntorch\nsnntorch.utils.reset(net)"),
        ("import snntorch.utils as utils", "import snn.utils as utils"),
        ("import snntorch as \\\n    snn", "import snn"),
        ("from \\\n  snntorch import utils", "from \\\n  snn import utils"),
        ("if x: from snntorch import utils; snntorch = 3", "if x: from snn import utils; snntorch = 3"),
        ("é = 'ä'; import snntorch as st; é = st . spikegen", "é = 'ä'; import snn as st; é = st . spikegen"),
        ("import snntorch as a\r\nb\r\n\x0c\rimport snntorch as c", "import snn as a\r\nb\r\n\x0c\rimport snn as c"),
        ("try: import snntorch\nexcept ImportError: snntorch = None",
         "try: import snn as snntorch\nexcept ImportError: snntorch = None"),
        ("snntorch = 3\nprint(snntorch)", "snntorch = 3\nprint(snntorch)"),
        ("", ""),
    ],
)  # fmt: skip
def test_every_form_of_an_import(before: str, after: str):
    assert renamed(before) == after


USES = [
    "import snntorch",
    "import snntorch as snn",
    "import snntorch as st",
    "import snntorch.functional",
    "import snntorch.functional as SF",
    "from snntorch import functional",
    "from snntorch.functional import loss as snntorch_loss",
    "try:\n    import snntorch\nexcept ImportError:\n    snntorch = None",
    "seen.append(snntorch.name)",
    "seen.append(snntorch.functional.loss)",
    "seen.append(f'snntorch {snntorch.name}')",
    "seen.append('snntorch')",
    "seen.append(snn.name)",
    "seen.append(snntorch_loss)",
    "seen.append((lambda snn: snn + 1)(2))",
    "seen.append([snntorch.name for snn in (1, 2)])",
    "seen.append(st.functional.loss)",
    "snn = 5",
    "snntorch = SimpleNamespace(name='other')",
    "def f():\n    import snntorch\n    return snntorch.name",
]


def outcome(program: str, package: str, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return what a program sees of a package that it imports by either name."""
    library, functional = ModuleType(package), ModuleType(f"{package}.functional")
    library.name, functional.loss, library.functional = "the library", "the loss", functional  # type: ignore[attr-defined]
    library.__path__ = []
    values: list[object] = []
    with monkeypatch.context() as patched:
        for name in ("snn", "snn.functional", "snntorch", "snntorch.functional"):
            patched.setitem(sys.modules, name, None)
        patched.setitem(sys.modules, package, library)
        patched.setitem(sys.modules, f"{package}.functional", functional)
        try:
            exec(program, {"seen": values, "SimpleNamespace": SimpleNamespace})
        except (NameError, AttributeError) as error:
            values.append(type(error))
    return values


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(lines=st.lists(st.sampled_from(USES), max_size=8))
def test_a_renamed_program_does_with_snn_what_it_did_with_snntorch(lines: list[str]):
    before = "\n".join(lines)
    after = renamed(before)
    monkeypatch = pytest.MonkeyPatch()
    assert outcome(after, "snn", monkeypatch) == outcome(before, "snntorch", monkeypatch)
    assert renamed(after) == after
    imports = [node for node in ast.walk(ast.parse(after)) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not any("snntorch" in alias.name for node in imports for alias in node.names)


LINES = [
    "!pip install snntorch --quiet",
    "!pip install a \\\n  snntorch",
    "%matplotlib inline",
    "%time snntorch.Leaky(beta=0.9)",
    "took = %timeit -o net(x)",
    "files = !ls snntorch",
    "snntorch.Leaky?",
    "?snntorch",
    "pip install snntorch",
    "if COLAB:\n    !echo it's {snntorch.__version__}",
]


@settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(lines=st.lists(st.sampled_from(LINES), max_size=4), end=st.sampled_from(["\n", "\r\n"]))
def test_lines_of_a_cell_that_are_not_python_stay_and_the_others_are_renamed(lines: list[str], end: str):
    cell = "\n".join([*lines, "import snntorch as snn", "x = (7\n     % 4)", *lines]).replace("\n", end)
    assert renamed(cell) == cell.replace("import snntorch as snn", "import snn")


@pytest.mark.parametrize("magic", ["%%time", "%%capture output", "\n%%timeit net = snntorch.Leaky(0.9)", "%%prun -q"])
def test_a_cell_for_a_magic_that_runs_python_is_renamed(magic: str):
    assert renamed(f"{magic}\nimport snntorch as snn") == f"{magic}\nimport snn"


@pytest.mark.parametrize("cell", ["%%bash\npip install snntorch\nimport snntorch", "%%writefile a.py\nimport snntorch"])
def test_a_cell_in_another_language_stays(cell: str):
    assert renamed(cell) == cell


COMPACT = {"separators": (",", ":")}


def notebook(sources: list[str]) -> dict[str, object]:
    cells = [{"cell_type": "markdown", "metadata": {}, "source": ["# snntorch\n", "`import snntorch`"]}]
    for source in sources:
        lines = source.splitlines(keepends=True)
        cells.append({"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": lines})
    return {"cells": cells, "metadata": {"kernelspec": {"name": "pythön"}}, "nbformat": 4, "nbformat_minor": 5}


@pytest.mark.parametrize("layout", [{"indent": 1}, {"indent": 2, "ensure_ascii": False}, {}, COMPACT])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_everything_else_in_a_notebook_stays_to_the_byte(layout: dict[str, int], end: str, tmp_path: Path):
    path = tmp_path / "net.ipynb"
    text = json.dumps(notebook(["import snntorch as snn\n", "snn.Leaky"]), **layout).replace("\n", end) + end
    path.write_bytes(text.encode())
    assert main(["rename", str(path), "--write"]) == 0
    changed = path.read_bytes().decode()
    assert json.loads(changed) == notebook(["import snn\n", "snn.Leaky"])
    if layout is not COMPACT:
        assert changed == text.replace("import snntorch as snn", "import snn")


def test_the_changes_are_shown_and_made_on_request_only(tmp_path: Path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(TRAINING, encoding="utf-8")
    Path("train.py").chmod(0o755)
    assert main(["rename", "train.py"]) == 0
    output = capsys.readouterr()
    assert output.out.startswith("--- train.py\n+++ train.py\n@@ ")
    assert "-import torch, snntorch as snn\n" in output.out
    assert "+import torch, snn\n" in output.out
    assert output.err == "1 file to change, with --write\n"
    assert Path("train.py").read_text(encoding="utf-8") == TRAINING
    assert main(["rename", "train.py", "--write"]) == 0
    assert capsys.readouterr() == (output.out, "1 file changed\n")
    assert Path("train.py").read_text(encoding="utf-8") == RENAMED
    assert Path("train.py").stat().st_mode & 0o777 == 0o755
    assert main(["rename", "train.py", "--write"]) == 0
    assert capsys.readouterr() == ("", "nothing to rename\n")
    assert [path.name for path in tmp_path.iterdir()] == ["train.py"]


def test_lines_outside_of_imports_that_name_the_library_are_reported(tmp_path: Path, capsys):
    program, cells = tmp_path / "a.py", tmp_path / "b.ipynb"
    program.write_text("import snntorch as snn\nimport sys\n\nutils = sys.modules['snntorch.utils']\n'by snntorch'\n")
    cells.write_text(json.dumps(notebook(["!pip install snntorch\nimport snntorch as snn  # snntorch"])))
    assert main(["rename", str(tmp_path)]) == 0
    assert capsys.readouterr().err == (
        f"note: {program}, line 4: \"utils = sys.modules['snntorch.utils']\" stays as it is\n"
        f"note: {cells} (cell 2), line 1: '!pip install snntorch' stays as it is\n"
        "2 files to change, with --write\n"
    )


def test_a_folder_is_renamed_without_what_others_put_there(tmp_path: Path, capsys):
    for name in ("a.py", "deep/b.py", "deep/c.ipynb", ".git/d.py", "venv/e.py", "notes.txt", "__pycache__/f.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(notebook(["import snntorch"])) if path.suffix == ".ipynb" else "import snntorch\n")
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    assert main(["rename", str(tmp_path), str(tmp_path / "a.py"), "--write"]) == 0
    assert capsys.readouterr().err == "3 files changed\n"
    assert "import snntorch" not in (tmp_path / "a.py").read_text()
    assert (tmp_path / "deep" / "b.py").read_text() == "import snn as snntorch\n"
    assert (tmp_path / ".git" / "d.py").read_text() == (tmp_path / "venv" / "e.py").read_text() == "import snntorch\n"


def test_the_encoding_and_the_ends_of_lines_stay(tmp_path: Path):
    path = tmp_path / "old.py"
    path.write_bytes("# -*- coding: latin-1 -*-\r\nimport snntorch as snn  # é\r\n".encode("latin-1"))
    assert main(["rename", str(path), "--write"]) == 0
    assert path.read_bytes() == "# -*- coding: latin-1 -*-\r\nimport snn  # é\r\n".encode("latin-1")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.py", "print 'Python 2'", "is not valid Python 3."),
        ("a.py", "# -*- coding: nothing -*-\n", "unknown encoding"),
        ("a.ipynb", "{}", "it is not a notebook of format 4"),
        ("a.ipynb", "{", "Expecting property name"),
        ("a.ipynb", json.dumps(notebook(["import snntorch", "a b"])), "line 1 of {path} (cell 3) is not valid Python"),
        ("a.ipynb", json.dumps({"nbformat": 4, "cells": [{"cell_type": "code"}]}), "it is not a notebook of format 4"),
    ],
)
def test_a_file_that_cannot_be_read_stays_and_the_others_are_renamed(name, content, reason, tmp_path: Path, capsys):
    (tmp_path / name).write_text(content)
    (tmp_path / "b.py").write_text("import snntorch\n")
    assert main(["rename", str(tmp_path), "--write"]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith(f"snn rename: {tmp_path / name} stays as it is: ")
    assert reason.format(path=tmp_path / name) in errors
    assert (tmp_path / name).read_text() == content
    assert (tmp_path / "b.py").read_text() == "import snn as snntorch\n"


@pytest.mark.parametrize("own", ["snn.py", "snn/__init__.py"])
def test_a_users_file_that_shadows_snn_is_reported(own: str, tmp_path: Path, capsys):
    (tmp_path / own).parent.mkdir(exist_ok=True)
    (tmp_path / own).touch()
    (tmp_path / "train.py").write_text("import snntorch as snn\n")
    assert main(["rename", str(tmp_path / "train.py")]) == 0
    assert f"note: {tmp_path / own} is what 'import snn' finds in {tmp_path / 'train.py'}" in capsys.readouterr().err


def test_a_missing_file_or_one_that_is_not_a_program_ends_with_code_2(tmp_path: Path, capsys):
    (tmp_path / "net.pt").touch()
    assert main(["rename", str(tmp_path / "train.py")]) == 2
    assert main(["rename", str(tmp_path / "net.pt")]) == 2
    assert capsys.readouterr().err == (
        f"snn rename: there is no file or folder {tmp_path / 'train.py'}\n"
        f"snn rename: {tmp_path / 'net.pt'} is neither a program (.py) nor a notebook (.ipynb)\n"
    )


def test_a_link_stays_one_and_leads_to_the_renamed_file(tmp_path: Path):
    (tmp_path / "real.py").write_text("import snntorch\n")
    (tmp_path / "link.py").symlink_to("real.py")
    assert main(["rename", str(tmp_path / "link.py"), "--write"]) == 0
    assert (tmp_path / "link.py").is_symlink()
    assert (tmp_path / "real.py").read_text() == "import snn as snntorch\n"


def test_cells_without_code_keep_their_numbers():
    assert cells_of(notebook(["import snntorch"])) == ["", "import snntorch"]
