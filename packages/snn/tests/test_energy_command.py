"""The words of ``snn energy`` that are wrong before a net is run."""

from __future__ import annotations

import pytest

from snn.cli import main

from .fresh import python
from .test_doctor_command import FUNCTIONAL


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "the following arguments are required: net.py:make_net"),
        (["net.py:make"], "one of the arguments --batch --shape is required"),
        (["net.py:make", "--shape", "3"], "expected numbers of steps, of samples and of features, got '3'"),
        (["net.py:make", "--shape", "3,2,4", "--batch", "net.py:make_batch"], "not allowed with argument"),
        (["net.py:make", "--shape", "3,2,4", "--model", "7nm"], "invalid choice: '7nm'"),
    ],
)
def test_a_wrong_word_is_named_and_ends_with_code_2(words, complaint, capsys):
    with pytest.raises(SystemExit) as error:
        main(["energy", *words])
    assert error.value.code == 2
    assert complaint in capsys.readouterr().err


def test_without_snn_functional_it_says_what_to_install():
    program = "from snn.cli import main\nsys.exit(main(['energy', 'net.py:make', '--shape', '3,2,4']))"
    process = python(program, hidden=("snn_functional",))
    assert process.returncode == 2
    assert process.stderr == f"snn energy: not installed: snn-functional; {FUNCTIONAL}\n"


@pytest.mark.parametrize("name", ["energy", "summary"])
def test_the_functions_are_those_of_snn_functional(name):
    process = python(f"import snn\nsnn.{name}", hidden=("snn_functional",))
    expected = f"ImportError: snn.{name} is in snn-functional: {FUNCTIONAL}"
    assert process.stderr.splitlines()[-1] == expected
