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
from snn.renaming.notebook import REMARK, cells_of, renamed_cells
from snn.renaming.python_source import renamed

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
    assert renamed([TRAINING]).sources == [RENAMED]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import snntorch\nsnntorch.Leaky(0.9)", "import snn\nsnn.Leaky(0.9)"),
        ("import snntorch as snntorch\nsnntorch.Leaky", "import snn\nsnn.Leaky"),
        ("import snntorch as st\nst.Leaky(0.9)", "import snn as st\nst.Leaky(0.9)"),
        ("import os, snntorch as snn, sys", "import os, snn, sys"),
        ("import snntorch.utils\nsnntorch.utils.reset(net)", "import snn.utils\nsnn.utils.reset(net)"),
        ("import snntorch as \\\n    snn", "import snn as \\\n    snn"),
        ("from \\\n  snntorch import utils", "from \\\n  snn import utils"),
        ("if x: from snntorch import utils; snntorch = 3", "if x: from snn import utils; snntorch = 3"),
        ("é = 'ä'; import snntorch; é = snntorch . spikegen", "é = 'ä'; import snn; é = snn . spikegen"),
        ("import snntorch\r\nsnntorch.x\r\n\x0c\rsnntorch.y", "import snn\r\nsnn.x\r\n\x0c\rsnn.y"),
        # what else bears the new name, or the old one, keeps it
        ("import snntorch\nsnn = snntorch.Leaky(0.9)", "import snn as snntorch\nsnn = snntorch.Leaky(0.9)"),
        ("import snntorch\ndef f(snn): pass", "import snn as snntorch\ndef f(snn): pass"),
        ("import snntorch.utils\nimport net as snn", "import snn as snntorch\nimport net as snn"),
        ("try: import snntorch\nexcept ImportError: snntorch = None",
         "try: import snn as snntorch\nexcept ImportError: snntorch = None"),
        ("import snntorch\nprint(f'snntorch {snntorch.__version__}')",
         "import snn as snntorch\nprint(f'snntorch {snntorch.__version__}')"),
        ("import snntorch.functional as snn\nimport snntorch", "import snn.functional as snn\nimport snn as snntorch"),
        # not the module
        ("snntorch = 3\nprint(snntorch)", "snntorch = 3\nprint(snntorch)"),
        ("import snntorch as snn\nnet.snntorch(snntorch=1)", "import snn\nnet.snntorch(snntorch=1)"),
        ("", ""),
    ],
)  # fmt: skip
def test_every_form_of_an_import(before: str, after: str):
    assert renamed([before]).sources == [after]


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
    (after,) = renamed([before]).sources
    monkeypatch = pytest.MonkeyPatch()
    assert outcome(after, "snn", monkeypatch) == outcome(before, "snntorch", monkeypatch)
    assert renamed([after]).sources == [after]
    imports = [node for node in ast.walk(ast.parse(after)) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not any("snntorch" in alias.name for node in imports for alias in node.names)


def test_remaining_names_that_may_need_a_change_are_reported():
    program = "import snntorch as snn\nimport sys\nfrom snn import Net\n\nutils = sys.modules['snntorch.utils']\n"
    assert renamed([program]).notes == [
        (0, 3, "a module 'snn' is imported already; if it is the program's own, rename it"),
        (0, 5, "the text 'snntorch.utils' stays as it is"),
    ]
    assert renamed(["print('by snntorch', 'snntorch_weights')"]).notes == []


CELLS = [
    "!pip install snntorch --quiet\n!pip install -q torch snntorch>=0.9 tonic",
    "%%capture\n%pip install git+https://github.com/jeshraghian/snntorch.git",
    "import snntorch\n%matplotlib inline\n\nif COLAB:\n    !{sys.executable} -m pip install snntorch\n",
    "# snntorch\nnet = snntorch.Leaky(beta=0.9)\nsnntorch?\nfiles = !ls snntorch\nx = (7\n     % 4)",
    "%%bash\npip install snntorch\necho snntorch",
    'text = """\npip install snntorch\n"""',
    "!pip install snntorch && ls",
]


def test_the_cells_of_a_notebook_are_one_program_and_install_lines_become_remarks():
    renaming = renamed_cells(CELLS)
    assert renaming.sources == [
        f"{REMARK}\n{REMARK}\n!pip install -q torch tonic",
        f"%%capture\n{REMARK}",
        f"import snn\n%matplotlib inline\n\nif COLAB:\n    pass  {REMARK}\n",
        "# snntorch\nnet = snn.Leaky(beta=0.9)\nsnntorch?\nfiles = !ls snntorch\nx = (7\n     % 4)",
        f"%%bash\n{REMARK}\necho snntorch",
        CELLS[5],
        CELLS[6],
    ]
    notes = [(cell, line) for cell, line, _ in renaming.notes]
    assert notes == [(3, 3), (3, 4), (4, 3), (5, 1), (6, 1)]


INSTALLS = (
    "!pip install ",
    "%pip install -q ",
    "    !{sys.executable} -m pip install ",
    "!uv pip install ",
    "!conda install ",
)
ITSELF = ["snntorch", "snntorch==0.9.4", "'snntorch[nir]>=0.7'", "git+https://github.com/jeshraghian/snntorch.git"]
ITSELF += ["-e git+https://github.com/jeshraghian/snntorch"]
REQUIREMENTS = [
    "torch",
    "torch>=2.0",
    "'tonic'",
    "-r requirements.txt",
    "--requirement=more.txt",
    "-e .",
    "./snntorch_local",
]
OPTIONS = [
    "-q",
    "--upgrade",
    "--index-url https://pypi.org/simple",
    "-i https://a.b/c",
    "--find-links=wheels",
    "-c all.txt",
]
OPTIONS += ["--target snntorch", "--pre", "-U", "--extra-index-url https://pypi.org/simple", "\\\n   "]
ENDS = [
    "",
    "> /dev/null",
    ">/dev/null",
    "2>/dev/null",
    ">> log.txt 2> errors.txt",
    "# needed",
    "# snntorch",
    "> log 2>&1",
]


@settings(derandomize=True, deadline=None, database=None, max_examples=400)
@given(
    start=st.sampled_from(INSTALLS),
    words=st.lists(st.sampled_from(ITSELF + REQUIREMENTS + OPTIONS), max_size=5),
    itself=st.sampled_from(ITSELF),
    at=st.integers(0, 5),
    end=st.sampled_from(ENDS),
)
def test_a_line_that_installs_keeps_its_other_requirements_or_becomes_a_remark(start, words, itself, at, end):
    words = [*words[:at], itself, *words[at:]]
    source = "if COLAB:\n" * start.startswith(" ") + start + " ".join([*words, end]).rstrip()
    (after,) = renamed_cells([source]).sources
    others = [word for word in words if word not in ITSELF]
    *_, last = after.splitlines()
    if any(word in REQUIREMENTS for word in others):
        assert last.split() == " ".join([start, *others, end]).replace("\\\n", "").split()
        assert last.startswith(start)
    else:
        assert last.strip().removeprefix("pass  ") == REMARK
    assert [line for line in after.splitlines() if REMARK in line]


IMPORTS = [
    "import snntorch",
    "import snntorch.functional",
    "import snntorch, os",
    "try:\n    import snntorch\nfinally: pass",
]
RUN_BY_IPYTHON = [
    "%time snntorch.Leaky(beta=0.9)",
    "%timeit -n 3 snntorch.Leaky(beta=0.9)",
    "took = %timeit -o snntorch.Leaky(beta=0.9)",
    "%time \\\n  snntorch.Leaky(beta=0.9)",
    "if x:\n    %prun snntorch.Leaky(beta=0.9)",
    "%%timeit net = snntorch.Leaky(beta=0.9)\nnet(x)",
    "%%memit\nnet = snntorch.Leaky(beta=0.9)",
    "!echo {snntorch.__version__}",
    "version = !echo $snntorch",
    "snntorch.Leaky?",
    "?snntorch.Leaky",
]
FOR_THE_SHELL = [
    "!ls snntorch",
    "%cd snntorch",
    "%%bash\necho snntorch",
    "!git clone https://github.com/jeshraghian/snntorch",
]


@pytest.mark.parametrize("imported", IMPORTS)
@pytest.mark.parametrize("line", RUN_BY_IPYTHON)
def test_a_name_used_in_a_line_that_stays_is_still_bound(imported: str, line: str):
    for cells in ([imported, line, "net = snntorch.Leaky(0.9)"], [line, imported]):
        after = renamed_cells(cells).sources
        assert after[cells.index(line)] == line
        names = [alias.asname or alias.name for node in ast.walk(ast.parse(after[cells.index(imported)]))
                 if isinstance(node, ast.Import) for alias in node.names]  # fmt: skip
        assert "snntorch" in names
        assert "import snn as snntorch" in after[cells.index(imported)]
        assert after[2:] == cells[2:]


@pytest.mark.parametrize("line", FOR_THE_SHELL)
def test_a_line_for_the_shell_uses_no_name(line: str):
    assert renamed_cells(["import snntorch", line]).sources == ["import snn", line]


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


def test_a_folder_is_renamed_without_what_others_put_there(tmp_path: Path, capsys):
    for name in ("a.py", "deep/b.py", "deep/c.ipynb", ".git/d.py", "venv/e.py", "notes.txt", "__pycache__/f.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(notebook(["import snntorch"])) if path.suffix == ".ipynb" else "import snntorch\n")
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    assert main(["rename", str(tmp_path), str(tmp_path / "a.py"), "--write"]) == 0
    assert capsys.readouterr().err == "3 files changed\n"
    assert "import snn\\n" not in (tmp_path / "a.py").read_text()
    assert (tmp_path / "deep" / "b.py").read_text() == "import snn\n"
    assert (tmp_path / ".git" / "d.py").read_text() == (tmp_path / "venv" / "e.py").read_text() == "import snntorch\n"


def test_the_encoding_and_the_ends_of_lines_stay(tmp_path: Path):
    path = tmp_path / "old.py"
    path.write_bytes("# -*- coding: latin-1 -*-\r\nimport snntorch as snn  # é\r\n".encode("latin-1"))
    assert main(["rename", str(path), "--write"]) == 0
    assert path.read_bytes() == "# -*- coding: latin-1 -*-\r\nimport snn  # é\r\n".encode("latin-1")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.py", "print 'Python 2'", "it is not valid Python 3."),
        ("a.py", "# -*- coding: nothing -*-\n", "unknown encoding"),
        ("a.ipynb", "{}", "it is not a notebook of format 4"),
        ("a.ipynb", "{", "Expecting property name"),
        ("a.ipynb", json.dumps(notebook(["import snntorch", "a b"])), "(cell 3: invalid syntax, line 1)"),
        ("a.ipynb", json.dumps({"nbformat": 4, "cells": [{"cell_type": "code"}]}), "cell 1 has no source"),
    ],
)
def test_a_file_that_cannot_be_read_stays_and_the_others_are_renamed(name, content, reason, tmp_path: Path, capsys):
    (tmp_path / name).write_text(content)
    (tmp_path / "b.py").write_text("import snntorch\n")
    assert main(["rename", str(tmp_path), "--write"]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith(f"snn rename: {tmp_path / name} stays as it is: ")
    assert reason in errors
    assert (tmp_path / name).read_text() == content
    assert (tmp_path / "b.py").read_text() == "import snn\n"


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
    assert (tmp_path / "real.py").read_text() == "import snn\n"


def test_cells_without_code_keep_their_numbers():
    assert cells_of(notebook(["import snntorch"])) == ["", "import snntorch"]
