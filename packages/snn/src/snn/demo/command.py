"""The options of ``snn demo``, and its printed output."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from snn.demo.pieces import MissingPieces, require_pieces
from snn.demo.run_file import InvalidRun, read_run
from snn.demo.settings import TASKS, settings_of
from snn.demo.source import program
from snn.whole_number import MOST_THREADS, whole

__all__ = ["add_options", "main"]

_MOST_EPOCHS = 10_000
_MOST_SEED = 2**63 - 1  # the largest seed of torch's generators

EPILOG = """\
tasks:
  digits   (the default) 1,797 digits of 8 by 8 pixels, for a fully connected network; needs snn[demo]
  mnist    5,000 digits of 28 by 28 pixels, for a convolutional network; needs snn-data[mnist5k] too
  vowels   640 utterances of unequal length, for a recurrent network that recognizes the speaker; needs
           snn-data[vowels] too, which allows only older versions of numpy and numba

The same task, seed, epochs, threads, versions and kind of processor give the same numbers, bit for bit; --verify
repeats the run that a run.json describes and compares the numbers. --code writes a program that gives the same result,
for you to read and change; it uses only public names of snn.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``snn demo``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("--task", choices=TASKS, help="what the network learns (default digits)")
    parser.add_argument("--seed", type=whole(0, _MOST_SEED), help="seed of weights, order and augmentation (default 0)")
    parser.add_argument(
        "--epochs", type=whole(1, _MOST_EPOCHS), help="passes over the training part (default: the task's own)"
    )
    parser.add_argument("--threads", type=whole(1, MOST_THREADS), help="number of torch's threads (default 1)")
    parser.add_argument("--out", metavar="FOLDER", help="where to write (default snn-demo)")
    parser.add_argument(
        "--verify", metavar="RUN.JSON", help="repeat that run and compare; allows no other option but --json"
    )
    parser.add_argument(
        "--code", action="store_true", help="write the program of this task into the folder, and train nothing"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def main(options: argparse.Namespace) -> int:
    """Run ``snn demo``.

    Returns:
        Exit code: 0 if all is well, 1 if not, 2 if two options do not go together.
    """
    also = [name for name in ("task", "seed", "epochs", "threads", "out") if getattr(options, name) is not None]
    also += ["code"] if options.code else []
    if options.verify and also:
        print(f"snn demo: --verify takes everything from the file; leave out --{', --'.join(also)}", file=sys.stderr)
        return 2
    try:
        if options.code:
            return _write_code(options)
        return _verify(options) if options.verify else _run(options)
    except (MissingPieces, InvalidRun, OSError) as error:
        print(f"snn demo: {error}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    name, settings = _settings(options)
    require_pieces(name)
    from snn.demo.run import run
    from snn.demo.task import Task

    _tune_allocator()
    result = run(Task(name, settings), options.out or "snn-demo", options.threads or 1)
    if options.json:
        print(json.dumps(result, indent=2))
        return 0
    print(f"{100 * result['test_accuracy']:.2f} % of the {result['samples']['test']} test samples classified correctly")
    print(f"report: {result['report']}")
    print(f"for its program, run: {result['command']} --code")
    return 0


def _write_code(options: argparse.Namespace) -> int:
    name, settings = _settings(options)
    file = Path(options.out or "snn-demo") / f"{name}.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(program(name, settings, options.threads or 1), encoding="utf-8")
    print(json.dumps({"program": str(file)}) if options.json else f"program: {file}")
    return 0


def _settings(options: argparse.Namespace) -> tuple[str, Any]:
    name = options.task or "digits"
    chosen = {"seed": options.seed, "epochs": options.epochs}
    return name, settings_of(name)(**{word: value for word, value in chosen.items() if value is not None})


def _verify(options: argparse.Namespace) -> int:
    recorded = read_run(options.verify)
    require_pieces(recorded["task"])
    from snn.demo.verification import verify

    _tune_allocator()
    result = verify(recorded, (lambda _: None) if options.json else _say_environment)
    if options.json:
        print(json.dumps({"equal": not result.numbers, **result._asdict()}, indent=2))
    elif result.numbers:
        print("the repeated run differs:", *result.numbers, sep="\n  ")
    else:
        print("the run repeats bit for bit: history, accuracies, confusion, activity and weights")
    return 1 if result.numbers else 0


def _say_environment(lines: list[str]) -> None:
    if lines:
        print("the environment differs, so equal numbers are not guaranteed:", *lines, sep="\n  ", flush=True)


def _tune_allocator() -> None:
    """Let this process, which runs nothing but the demonstration, reuse the memory of freed tensors."""
    from snn_cpu.allocator import is_tunable, tune_allocator

    if is_tunable():
        tune_allocator()
