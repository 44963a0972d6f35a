"""The page of the recipes: its tables are what the results give, and say where a neuron is not better."""

from __future__ import annotations

import re
import statistics

import pytest

import recipes
from bench.tables import sections

pytestmark = pytest.mark.needs()


def made_up(task, neuron, tests):
    seeds = [
        {"seed": i, "epoch": 3, "valid": 0.5, "test": test, "spikes": 2.5, "seconds": 4.0, "parameters": 1234}
        for i, test in enumerate(tests)
    ]
    words = {"command": f"python docs/recipes/{task}.py --neuron {neuron}", "task": task, "neuron": neuron}
    return {**words, "epochs": 9, "learning_rate": 0.01, "samples": [8, 2, 4], "runs": seeds}


def compared(left, right):
    pair = made_up("plaid", "lif", left), made_up("plaid", "seadlif", right)
    return recipes._compared(*pair)[3:]


def test_the_tables_of_the_page_are_those_of_the_results():
    text = recipes.PAGE.read_text(encoding="utf-8")
    results = recipes.kept(recipes.RESULTS)
    assert recipes.PART.put(text, lambda: sections(recipes.tables(results))) == text


def test_the_results_have_five_seeds_of_every_net():
    results = recipes.kept(recipes.RESULTS)
    pairs = [(run["task"], run["neuron"]) for run in results["runs"]]
    assert pairs == [(task, neuron) for task, neurons in recipes.NETWORKS.items() for neuron in neurons]
    assert all([seed["seed"] for seed in run["runs"]] == [0, 1, 2, 3, 4] for run in results["runs"])


def test_every_row_has_a_command_whose_program_is_there():
    commands = re.findall(r"`(python docs/recipes/[^`]*--neuron \w+)`", recipes.PAGE.read_text(encoding="utf-8"))
    assert len(commands) >= sum(map(len, recipes.NETWORKS.values()))
    assert all((recipes.ROOT / command.split()[1]).exists() for command in commands)


def test_better_is_what_is_better_by_more_than_both_standard_deviations():
    # standard deviations of 1 and 2 points
    assert compared([0.79, 0.80, 0.81], [0.82, 0.84, 0.86]) == ["+4.00", "3.00", "yes"]
    assert compared([0.79, 0.80, 0.81], [0.80, 0.82, 0.84]) == ["+2.00", "3.00", "**no**"]
    assert compared([0.79, 0.80, 0.81], [0.74, 0.76, 0.78]) == ["-4.00", "3.00", "**no**, it is worse by more"]


def test_a_row_has_mean_and_standard_deviation():
    row = recipes._row(made_up("plaid", "lif", [0.79, 0.80, 0.81]))
    command = "`python docs/recipes/plaid.py --neuron lif`"
    assert row == ["plaid", "lif", "1,234", "80.00 ± 1.00 %", "2.5", "4", command]


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="needs the lines"):
        recipes.PART.put("# Recipes", str)


def test_a_failed_run_shows_its_output():
    with pytest.raises(RuntimeError, match=r"(?s)--neuron cable ended with code [12]: .*\S"):
        recipes.trained("vowels", "cable")


def test_new_results_stand_beside_earlier_ones_of_the_same_versions_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(recipes, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(recipes, "trained", lambda task, neuron: {"task": task, "neuron": neuron})
    monkeypatch.setattr(recipes.machine, "versions", lambda *names: {"torch": "1"})
    for tasks in ([*recipes.NETWORKS], ["plaid"]):
        results = recipes.results(tasks)
        assert [run["task"] for run in results["runs"]] == [task for task in recipes.NETWORKS for _ in range(2)]
        recipes.keep(recipes.RESULTS, results)
    monkeypatch.setattr(recipes.machine, "versions", lambda *names: {"torch": "2"})
    with pytest.raises(ValueError, match="of other versions or of another machine: train all tasks"):
        recipes.results(["plaid"])
    assert recipes.results([*recipes.NETWORKS])["versions"] == {"torch": "2"}


def test_the_table_of_ordinary_models_is_that_of_the_results():
    text = recipes.PAGE.read_text(encoding="utf-8")
    results, nets = map(recipes.kept, (recipes.ORDINARY, recipes.RESULTS))
    assert recipes.ORDINARY_PART.put(text, lambda: recipes.ordinary_table(results, nets)) == text
    assert [run["task"] for run in results["runs"]] == [*recipes.NETWORKS]
    for run in results["runs"]:
        (lif, *_) = (net for net in nets["runs"] if net["task"] == run["task"])
        sizes = [model["parameters"] for name, model in run["models"].items() if name in ("GRU", "convolution")]
        assert len(sizes) == 2
        assert max(sizes) <= lif["runs"][0]["parameters"]


def test_ordinary_models_are_ahead_where_the_page_says_so():
    results, nets = map(recipes.kept, (recipes.ORDINARY, recipes.RESULTS))
    best = dict.fromkeys(recipes.NETWORKS, 0.0)
    for net in nets["runs"]:
        best[net["task"]] = max(best[net["task"]], statistics.fmean(seed["test"] for seed in net["runs"]))
    tests = {run["task"]: {name: model["test"] for name, model in run["models"].items()} for run in results["runs"]}
    assert best["plaid"] > max(tests["plaid"].values()) == tests["plaid"]["GRU"]
    assert tests["vowels"]["linear on features"] > best["vowels"] > max(tests["vowels"][n] for n in ("GRU", "linear"))
    assert tests["watch_exercises"]["linear on features"] > best["watch_exercises"] > tests["watch_exercises"]["GRU"]
    rows = tests["mnist_rows"]
    assert [f"{share:.0%}" for share in (rows["linear"], best["mnist_rows"])] == ["91%", "83%"]
    assert [f"{rows[name]:.0%}" for name in ("convolution", "GRU")] == ["84%", "77%"]


def test_spiking_nets_take_a_tenth_to_a_third_of_the_operations_of_other_nets_and_linear_models_fewer():
    results, nets = map(recipes.kept, (recipes.ORDINARY, recipes.RESULTS))
    models = {
        run["task"]: {name: model["operations"] for name, model in run["models"].items()} for run in results["runs"]
    }
    shares = []
    for net in nets["runs"]:
        counts = [seed[key] for key in recipes.OPERATIONS for seed in net["runs"]]
        assert (None in counts) == (net["neuron"] == "delays")
        if None not in counts:
            number, others = sum(counts) / len(net["runs"]), models[net["task"]]
            shares += [number / others[name] for name in ("GRU", "convolution")]
            assert number > max(others["linear"], others["linear on features"])
    assert 0.09 < min(shares) < max(shares) < 0.36


def test_ordinary_models_stand_below_the_nets_of_their_task():
    counts = {"multiplications": 1234.5, "additions": 98765.4}
    seeds = [{"test": test, "spikes": 2.5, "seconds": 4.0, "parameters": 1234, **counts} for test in (0.79, 0.81)]
    nets = {"runs": [{"task": t, "neuron": "lif", "command": "", "runs": seeds} for t in ("vowels", "plaid")]}
    models = {"majority": {"parameters": 0, "operations": 4321, "test": 0.125, "seconds": 0.5}}
    *_, net, model = recipes.ordinary_table({"runs": [{"task": "plaid", "models": models}]}, nets).splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in (net, model)]
    assert cells == [
        ["plaid", "lif", "1,234", "80.00 ± 1.41 %", "1,234", "98,765", "4"],
        ["plaid", "majority", "0", "12.50 %", "4,321", "0", "0.5"],
    ]


def test_the_table_of_windows_is_that_of_the_results():
    text = recipes.WINDOW_PAGE.read_text(encoding="utf-8")
    results = recipes.kept(recipes.WINDOW_RESULTS)
    assert recipes.WINDOW_PART.put(text, lambda: recipes.window_table(results)) == text
    for run in results["runs"]:
        assert run["learning_rate"] == max(run["tried"], key=lambda pair: pair[1])[0]
        assert [seed["seed"] for seed in run["runs"]] == [0, 1, 2]


def test_no_window_is_worse_than_atan_where_the_page_says_so():
    runs = recipes.kept(recipes.WINDOW_RESULTS)["runs"]
    tests = {(run["task"], run["window"]): [seed["test"] for seed in run["runs"]] for run in runs}
    for (task, _), shares in tests.items():
        atan = tests[task, None]
        assert statistics.fmean(atan) - statistics.fmean(shares) <= statistics.stdev(atan) + statistics.stdev(shares)
    whole = recipes.kept(recipes.RESULTS)["runs"]
    (plaid,) = (run for run in whole if (run["task"], run["neuron"]) == ("plaid", "lif"))
    assert plaid["learning_rate"] == 0.01
    assert f"{100 * (own := statistics.fmean(seed['test'] for seed in plaid['runs'])):.1f}" == "73.0"
    best = max(statistics.fmean(shares) for (task, _), shares in tests.items() if task == "plaid")
    assert own == pytest.approx(best, abs=0.005)


def test_the_learning_rate_of_a_window_is_chosen_on_the_validation_part(monkeypatch):
    calls = []

    def ran(task, *words):
        calls.append(words)
        rate = float(words[words.index("--learning-rate") + 1])
        valid = {0.003: 0.5, 0.01: 0.75, 0.03: 0.25}[rate]
        return {"learning_rate": rate, "runs": [{"valid": valid, "test": None if "--validate" in words else 0.5}]}

    monkeypatch.setattr(recipes, "ran", ran)
    result = recipes.windowed("plaid", 0.5)
    assert (result["learning_rate"], result["window"]) == (0.01, 0.5)
    assert ["--validate" in words for words in calls] == [True, True, True, False]
    assert all(words[:4] == ("--neuron", "lif", "--window", "0.5") for words in calls)
    assert calls[-1][4:] == ("--seeds", "3", "--learning-rate", "0.01")


def test_the_tables_of_clothing_are_those_of_the_results():
    text = recipes.PAGE.read_text(encoding="utf-8")
    results = recipes.kept(recipes.IMAGES)
    assert recipes.IMAGES_PART.put(text, lambda: sections(recipes.images_tables(results), "###")) == text


def test_the_runs_of_clothing_that_tried_a_learning_rate_have_no_test_accuracy():
    tried = [{"seed": 0, "learning_rate": rate, "epoch": 2, "valid": 80 + rate} for rate in (1, 2)]
    runs = [tried[1] | {"seed": 1, "epoch": 7, "valid": 85.0, "test": 78.25}]
    assert recipes._runs({"net": "relu", "tried": tried, "runs": runs}) == [
        ["relu", "1", "0", "2", "81.00", "–"],
        ["relu", "2", "0", "2", "82.00", "–"],
        ["relu", "2", "1", "7", "85.00", "78.25"],
    ]


def test_a_folder_trains_the_recipe_of_clothing_alone(monkeypatch, tmp_path):
    results = recipes.kept(recipes.IMAGES)
    page = tmp_path / "recipes.md"
    page.write_text(recipes.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(recipes, "WINDOW_PAGE", tmp_path / "performance.md")
    recipes.WINDOW_PAGE.write_text(f"{recipes.WINDOW_PART.begin}\n{recipes.WINDOW_PART.end}", encoding="utf-8")
    runs = []
    monkeypatch.setattr(recipes, "IMAGES", tmp_path / "images.json")
    monkeypatch.setattr(recipes, "PAGE", page)
    monkeypatch.setattr(recipes, "ran", lambda *words: runs.append(words) or {**results, "command": "with a folder"})
    recipes.main(["--folder", "some/place"])
    assert runs == [("fashion_mnist", "--folder", "some/place")]
    assert "some/place" not in page.read_text(encoding="utf-8") + recipes.IMAGES.read_text(encoding="utf-8")
    assert recipes.kept(recipes.IMAGES)["nets"] == results["nets"]


def test_the_spiking_net_of_clothing_loses_where_the_page_says_so():
    nets = recipes.kept(recipes.IMAGES)["nets"]
    spiking, relu = ({key: statistics.fmean(r[key] for r in net["runs"]) for key in net["runs"][0]} for net in nets)
    assert f"{relu['test'] - spiking['test']:.1f}" == "1.0"
    ratios = {key: spiking[key] / relu[key] for key in ("seconds", "milliseconds", "45nm", "45nm+memory")}
    assert [f"{ratio:.1f}" for ratio in ratios.values()] == ["3.6", "4.8", "1.0", "1.9"]
    assert spiking["Effective_MACs"] == pytest.approx(relu["Effective_MACs"] / 2, rel=0.1)
    dense = spiking["Dense"] - spiking["Effective_MACs"]
    assert spiking["Effective_ACs"] / dense == pytest.approx(1 / 6, abs=0.005)
    assert relu["Effective_MACs"] / relu["Dense"] == pytest.approx(0.38, abs=0.005)
