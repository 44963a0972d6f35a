"""The words of ``snn doctor`` that are wrong before a net is run."""

from __future__ import annotations

import pytest

from snn._installing import hint
from snn.cli import main

from .fresh import python

FUNCTIONAL = hint("snn[functional]")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["net.py:make"], "a net is run over a batch: add --batch net.py:make_batch, or --shape T,B,..."),
        (["--shape", "3,2,4"], "--batch, --shape and --own-loop need a net"),
        (["--own-loop"], "--batch, --shape and --own-loop need a net"),
    ],
)
def test_conflicting_words_end_with_code_2(words, complaint, capsys):
    assert main(["doctor", *words]) == 2
    output = capsys.readouterr()
    assert output.err.startswith(f"snn doctor: {complaint}")
    assert output.out == ""


@pytest.mark.parametrize("shape", ["3", "3,x", "3,0", "3,,4", ""])
def test_an_invalid_shape_is_refused(shape, capsys):
    with pytest.raises(SystemExit) as error:
        main(["doctor", "net.py:make", "--shape", shape])
    assert error.value.code == 2
    assert f"expected numbers of steps, of samples and of features, got {shape!r}" in capsys.readouterr().err


def test_without_snn_functional_it_says_what_to_install():
    program = "from snn.cli import main\nsys.exit(main(['doctor', 'net.py:make', '--shape', '3,2,4']))"
    process = python(program, hidden=("snn_functional",))
    assert process.returncode == 2
    assert process.stderr == f"snn doctor: not installed: snn-functional; {FUNCTIONAL}\n"


def test_the_function_that_looks_is_one_of_snn_functional():
    process = python("import snn\nsnn.diagnose", hidden=("snn_functional",))
    expected = f"ImportError: snn.diagnose is in snn-functional: {FUNCTIONAL}"
    assert process.stderr.splitlines()[-1] == expected
