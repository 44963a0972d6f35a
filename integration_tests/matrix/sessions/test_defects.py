"""Defects set into copies of the tree: the session that is meant for each of them finds it, and says what it is."""

from __future__ import annotations

import recorded


def test_alone_finds_an_import_that_is_not_declared(tree):
    source = tree.root / "packages/snn-plot/src/snn_plot/undeclared.py"
    source.write_text('"""Needs more than is declared."""\n\nimport h5py as h5py\n', encoding="utf-8")
    process = tree.session("alone(snn-plot)")
    assert process.returncode == 1
    assert "No module named 'h5py'" in process.stdout


def test_subsets_finds_a_range_that_nothing_is_in(tree):
    tree.edit("packages/snn-functional/pyproject.toml", '"snn-core>=', '"snn-core>=9.9,>=')
    process = tree.session("subsets", "snn-functional")
    assert process.returncode == 1
    assert "No solution found" in process.stdout
    assert "snn-core>=9.9" in process.stdout


def test_subsets_finds_an_extra_that_the_piece_does_not_have(tree):
    tree.edit(
        "packages/snn/pyproject.toml",
        'functional = ["snn-functional[progress]',
        'functional = ["snn-functional[progres]',
    )
    process = tree.session("subsets", "snn-functional")
    assert process.returncode == 1
    assert "asks snn-functional for ['progres'], extras that it does not have" in process.stdout


def test_subsets_finds_an_entry_point_that_leads_nowhere(tree):
    tree.edit("packages/snn-ipu/pyproject.toml", 'ipu = "snn_ipu.target:Ipu"', 'ipu = "snn_ipu.target:Npu"')
    process = tree.session("subsets", "snn-ipu")
    assert process.returncode == 1
    assert "FAILED snn-core+snn-ipu" in process.stdout
    assert "has no attribute 'Npu'" in process.stdout


def test_lowest_finds_a_floor_that_differs_from_the_installed_version(tree):
    tree.edit("packages/snn-plot/pyproject.toml", '"pillow>=10"', '"pillow>=9.9"')
    process = tree.session("lowest(snn-plot)")
    assert process.returncode == 1
    assert "snn-plot declares pillow>=9.9, and the oldest that go together are newer" in process.stdout


def test_released_finds_a_break_in_the_core_that_its_range_hides(tree):
    tree.git("init", "-q")
    tree.git("add", "-A")
    tree.git("commit", "-q", "-m", "Release")
    (tree.root / recorded.FILE).write_text("", encoding="utf-8")
    recorded.add(tree.root, {"snn-core": "0.5.0", "snn-functional": "0.5.0"}, recorded.committed(tree.root, {}))
    unbroken = tree.session("released(last snn-functional)", "-k", "test_acc")
    assert unbroken.returncode == 0, unbroken.stdout
    states = tree.root / "packages" / "snn-core" / "src" / "snn_core" / "neuron" / "temporal.py"
    states.rename(states.with_name("times.py"))
    broken = tree.session("released(last snn-functional)", "-x")
    assert broken.returncode == 1
    assert "No module named 'snn_core.neuron.temporal'" in broken.stdout


def test_without_the_commit_of_a_release_its_sessions_say_what_they_need(tree):
    process = tree.session("released(tree snn-nir)")
    assert process.returncode == 1
    assert "is not in this clone: git fetch --unshallow" in process.stdout
