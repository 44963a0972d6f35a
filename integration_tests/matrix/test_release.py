"""The release of a package, step by step, on a small workspace."""

from __future__ import annotations

import pathlib
import subprocess
import zipfile

import pytest

import recorded
from release import artifacts, changelog, files, publish, ranges, versions
from release.tree import Tree
from workspace import PROJECTS, ROOT

CHANGES = "# Changes of {name}\n\nThe form.\n\n## [Unreleased]\n\n### Added\n\n- What there is.\n"
PROJECT = '[project]\nname = "{name}"\ndynamic = ["version"]\ndependencies = [{needs}]\n'
DAY = "2026-01-31"
COMMIT = "1" * 40


def package(root: pathlib.Path, name: str, version: str, needs: str = "", changes: str = CHANGES) -> None:
    folder = root / "packages" / name
    source = folder / "src" / name.replace("-", "_")
    source.mkdir(parents=True)
    (source / "_version.py").write_text(f'"""The version."""\n\n__version__ = "{version}"\n', encoding="utf-8")
    (folder / "pyproject.toml").write_text(PROJECT.format(name=name, needs=needs), encoding="utf-8")
    (folder / "CHANGELOG.md").write_text(changes.format(name=name), encoding="utf-8")


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / recorded.FILE).touch()
    package(tmp_path, "snn-core", "0.5.0.dev0", '"torch>=2"')
    package(tmp_path, "snn-plot", "0.5.0.dev0", '"snn-core>=0.5.0.dev0,<0.6"')
    package(tmp_path, "snn", "0.5.0", '"snn-core>=0.5.0.dev0,<0.6", "snn-plot[more]>=0.5.0.dev0,<0.6"')
    return tmp_path


def everything(root: pathlib.Path) -> dict[str, str]:
    return {
        str(file.relative_to(root)): file.read_text(encoding="utf-8") for file in root.rglob("*.*") if file.is_file()
    }


def test_a_release_has_its_version_its_changes_and_tightened_floors(root: pathlib.Path):
    tree = Tree(root)
    assert tree.release(["snn-core"], "0.5.0", DAY) == {"snn-core": "0.5.0"}
    assert (tree.version("snn-core"), tree.version("snn-plot")) == ("0.5.0", "0.5.0.dev0")
    changed = everything(root)
    assert changed["packages/snn-core/CHANGELOG.md"] == (
        "# Changes of snn-core\n\nThe form.\n\n## [0.5.0] - 2026-01-31\n\n### Added\n\n- What there is.\n"
    )
    assert '"snn-core>=0.5.0,<0.6"' in changed["packages/snn-plot/pyproject.toml"]
    assert '"snn-core>=0.5.0,<0.6", "snn-plot[more]>=0.5.0.dev0,<0.6"' in changed["packages/snn/pyproject.toml"]
    assert "Unreleased" in changed["packages/snn-plot/CHANGELOG.md"]


def test_all_at_once_are_final_and_then_go_on_but_for_the_umbrella(root: pathlib.Path):
    tree = Tree(root)
    assert tree.release(tree.names, "final", DAY) == dict.fromkeys(tree.names, "0.5.0")
    assert not [file for file, text in everything(root).items() if ".dev" in text or "Unreleased" in text]
    assert tree.reopen(tree.names) == {"snn-core": "0.5.1.dev0", "snn-plot": "0.5.1.dev0"}
    assert tree.version("snn") == "0.5.0"
    assert (
        '"snn-core>=0.5.0.dev0,<0.6", "snn-plot[more]>=0.5.0.dev0,<0.6"'
        in everything(root)["packages/snn/pyproject.toml"]
    )
    assert (root / "packages/snn-core/CHANGELOG.md").read_text(encoding="utf-8").count("## [") == 2
    tree = Tree(root)
    with pytest.raises(ValueError, match=r"^snn-core: nothing is unreleased: list what 0\.5\.1 changes under"):
        tree.release(["snn-core"], "final", DAY)


def test_all_are_those_that_have_changed_since_their_last_release(root: pathlib.Path):
    tree = Tree(root)
    assert tree.changed() == ["snn", "snn-core", "snn-plot"]
    recorded.add(root, {"snn": "0.5.0"}, COMMIT)
    with pytest.raises(ValueError, match=r"^no package is at a final version that is new: nothing has been released$"):
        tree.unrecorded()
    tree.release(["snn-core"], "final", DAY)
    tree = Tree(root)
    assert (tree.changed(), tree.unrecorded()) == (["snn", "snn-plot"], ["snn-core"])
    tree.release(tree.changed(), "final", DAY)
    with pytest.raises(ValueError, match=r"^nothing is unreleased: no list of changes has anything new$"):
        tree.changed()
    tree.reopen(tree.unrecorded())
    tree = Tree(root)
    assert tree.last == dict.fromkeys(tree.names, "0.5.0")
    tree.pretend_changes()
    assert tree.release(tree.changed(), "final", DAY) == dict.fromkeys(tree.names, "0.5.1")


@pytest.mark.parametrize(
    ("names", "expected", "says"),
    [
        (
            ["snn-plot"],
            "0.5.0",
            r"^snn-plot: it requires snn-core>=0\.5\.0\.dev0, which has not been released: release snn-co",
        ),
        (["snn"], "0.5.0", r"^snn: it requires snn-core>="),
        (["snn-core"], "0.5", r"^snn-core: '0\.5' is not a version of a release: X\.Y\.Z"),
        (["snn-core"], "0.5.0rc1", r"'0\.5\.0rc1' is not a version of a release"),
        (["snn-core"], "newest", r"'newest' is not a version of a release"),
        (["snn-core"], "0.6.0+cpu", r"'0\.6\.0\+cpu' is not a version of a release"),
        (["snn-core"], "1!0.6.0", r"'1!0\.6\.0' is not a version of a release"),
        (["snn-core"], "0.4.9", r"0\.4\.9 is below 0\.5\.0\.dev0, the version of the tree"),
        (["snn-core", "snn-plot"], "0.6.0", r"^snn-plot: it requires snn-core<0\.6,>=0\.5\.0, not snn-core 0\.6\.0"),
    ],
)
def test_an_impossible_release_is_named_and_nothing_is_written(root: pathlib.Path, names, expected: str, says: str):
    before = everything(root)
    with pytest.raises(ValueError, match=says):
        Tree(root).release(names, expected, DAY)
    assert everything(root) == before


def test_a_version_that_is_out_is_not_released_again(root: pathlib.Path):
    Tree(root).release(["snn-core"], "0.5.0", DAY)
    with pytest.raises(ValueError, match=r"^snn-core: 0\.5\.0 is not above 0\.5\.0, the last release"):
        Tree(root).release(["snn-core"], "0.5.0", DAY)


def test_a_package_that_begins_later_has_its_first_release_before_or_with_the_next_umbrella(root: pathlib.Path):
    tree = Tree(root)
    tree.release(tree.names, "final", DAY)
    tree.reopen(tree.names)
    recorded.add(root, dict.fromkeys(tree.names, "0.5.0"), COMMIT)
    package(root, "snn-triton", "0.1.0.dev0", '"snn-core>=0.5.0.dev0,<0.6"')
    tree = Tree(root)
    assert (tree.changed(), "snn-triton" in tree.last) == (["snn-triton"], False)
    tree.pretend_changes()
    with pytest.raises(ValueError, match=r"^snn: its extras install snn-triton, which has no release: release snn-tri"):
        tree.release(["snn"], "final", DAY)
    assert tree.release(["snn", "snn-triton"], "final", DAY) == {"snn": "0.5.1", "snn-triton": "0.1.0"}
    assert Tree(root).unrecorded() == ["snn", "snn-triton"]


def test_a_floor_above_every_release_is_an_error(root: pathlib.Path):
    package(root, "snn-nir", "0.5.0.dev0", '"snn-core>=0.5.3,<0.6"')
    Tree(root).release(["snn-core"], "0.5.2", DAY)
    with pytest.raises(ValueError, match=r"^snn-nir: it requires snn-core>=0\.5\.3, which has not been released"):
        Tree(root).release(["snn-nir"], "0.5.0", DAY)


def test_packages_left_behind_by_a_release_are_reported(root: pathlib.Path):
    tree = Tree(root)
    versions = tree.release(["snn-core"], "0.6.0", DAY)
    assert [line.partition(" requires")[0] for line in tree.left_behind(versions)] == ["snn", "snn-plot"]
    assert tree.left_behind({"snn-core": "0.5.9"}) == []


def test_an_unreleased_package_cannot_go_on(root: pathlib.Path):
    with pytest.raises(ValueError, match=r"^snn-core: 0\.5\.0\.dev0 has not been released"):
        Tree(root).reopen(["snn-core"])


def test_unreleased_changes_join_the_section_of_a_version_without_a_date():
    text = (
        "# C\n\n## [Unreleased]\n\n### Added\n\n- New.\n\n### Fixed\n\n- Bug.\n\n"
        "## [0.5.0]\n\n### Added\n\n- Old.\n\n## [0.4.0] - 2025-01-01\n\n- First.\n"
    )
    assert changelog.gather(text, "0.5.0", DAY) == (
        "# C\n\n## [0.5.0] - 2026-01-31\n\n### Added\n\n- New.\n- Old.\n\n### Fixed\n\n- Bug.\n\n"
        "## [0.4.0] - 2025-01-01\n\n- First.\n"
    )


def test_a_dated_version_and_an_empty_section_are_errors():
    with pytest.raises(ValueError, match="it has been released"):
        changelog.gather("# C\n\n## [0.5.0] - 2026-01-01\n\n- A.\n", "0.5.0", DAY)
    with pytest.raises(ValueError, match=r"nothing is unreleased"):
        changelog.gather("# C\n\n## [Unreleased]\n", "0.5.0", DAY)
    with pytest.raises(ValueError, match=r"nothing is unreleased"):
        changelog.gather("# C\n", "0.5.0", DAY)


@pytest.mark.parametrize("name", PROJECTS)
def test_a_list_of_changes_of_the_tree_can_be_gathered_and_loses_no_line(name: str):
    text = (ROOT / "packages" / name / "CHANGELOG.md").read_text(encoding="utf-8")
    text = changelog.reopen(text).replace("## [Unreleased]\n", "## [Unreleased]\n\n### Added\n\n- A line.\n", 1)
    gathered = changelog.gather(text, "99.0.0", DAY)

    def lines(of: str) -> list[str]:
        return sorted(line for line in of.splitlines() if line and not line.startswith("#"))

    assert lines(gathered) == lines(text)


def test_reopening_twice_is_reopening_once():
    text = changelog.reopen("# C\n\n## [0.5.0] - 2026-01-31\n\n- A.\n")
    assert changelog.reopen(text) == text == "# C\n\n## [Unreleased]\n\n## [0.5.0] - 2026-01-31\n\n- A.\n"


def floors(project: str) -> dict:
    return ranges.floors(ranges.of_ours(project, PROJECTS))


@pytest.mark.parametrize("name", PROJECTS)
def test_the_floors_of_the_tree_are_tightened_by_final_versions(name: str):
    text = (ROOT / "packages" / name / "pyproject.toml").read_text(encoding="utf-8")
    final = dict.fromkeys(PROJECTS, "99.0.0")
    assert ".dev" not in ranges.tightened(text, final)
    assert ranges.tightened(text, {}) == text
    assert floors(ranges.tightened(text, final)).keys() == floors(text).keys()


@pytest.mark.parametrize("name", PROJECTS)
def test_the_floors_of_the_tree_are_loosened_and_tightened_again(name: str):
    text = (ROOT / "packages" / name / "pyproject.toml").read_text(encoding="utf-8")
    tight = ranges.tightened(text, dict.fromkeys(PROJECTS, "99.0.0"))
    loose = ranges.loosened(tight, PROJECTS)
    assert ranges.loosened(loose, PROJECTS) == loose
    assert ranges.tightened(loose, dict.fromkeys(PROJECTS, "99.0.0")) == tight
    assert all(floor.is_devrelease for floor in floors(loose).values())


def test_a_floor_on_what_comes_after_the_release_stays():
    text = '"snn-core>=0.6.0.dev0,<0.7"'
    assert ranges.tightened(text, {"snn-core": "0.5.0"}) == text


def test_the_version_after_a_release_is_that_of_the_next_fix():
    assert versions.after("1.2.9") == "1.2.10.dev0"


def test_files_of_a_release_are_those_of_its_name_and_version(tmp_path: pathlib.Path):
    house = tmp_path / "wheels"
    house.mkdir()
    names = ["snn-0.5.0.tar.gz", "snn-0.5.0-py3-none-any.whl", "snn_cpu-0.5.0.tar.gz", "snn_cpu-0.5.0-py3-none-any.whl"]
    names += ["snn_cpu-0.5.0-py3-none-manylinux_2_34_x86_64.whl", "snn_cpu-0.4.0-py3-none-any.whl", "sources.json"]
    for name in names:
        (house / name).write_text(name, encoding="utf-8")
    artifacts = files.collect("snn-cpu", "0.5.0", [house], tmp_path / "out")
    assert [file.name for file in artifacts] == sorted(names[2:5])
    assert [file.name for file in files.collect("snn", "0.5.0", [house], tmp_path / "out")] == sorted(names[:2])
    with pytest.raises(FileNotFoundError, match=r"no -py3-none-any\.whl of snn 0\.6\.0 was built"):
        files.collect("snn", "0.6.0", [house], tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_publishing_an_unbuilt_package_is_a_one_line_error(capsys: pytest.CaptureFixture[str]):
    assert publish.main(["snn-core", "9.9.9"]) == 1
    assert capsys.readouterr().err.startswith("release: no -py3-none-any.whl of snn-core 9.9.9 was built")


def test_sums_are_those_of_the_program_sha256sum(tmp_path: pathlib.Path):
    for name in ("b", "a"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    (tmp_path / "SHA256SUMS").write_text(files.sums([tmp_path / "b", tmp_path / "a"]), encoding="utf-8")
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=True).stdout == "a: OK\nb: OK\n"
    (tmp_path / "a").write_text("c", encoding="utf-8")
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 1


def test_pins_of_two_versions_are_an_error(tmp_path: pathlib.Path):
    for name in ("snn_cpu-0.5.0.tar.gz", "snn_cpu-0.5.0.dev0-py3-none-any.whl"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"several versions of \['snn-cpu'\] were built"):
        files.hashes(tmp_path.iterdir())


def test_pins_have_a_hash_for_every_file_of_a_version(tmp_path: pathlib.Path):
    for name in ("snn_cpu-0.5.0.tar.gz", "snn_cpu-0.5.0-py3-none-any.whl"):
        (tmp_path / name).touch()
    of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert (
        files.hashes(tmp_path.iterdir())
        == f"snn-cpu==0.5.0 \\\n{f'    --hash=sha256:{of_nothing}'} \\\n    --hash=sha256:{of_nothing}\n"
    )


def test_packages_not_released_now_keep_their_pins(tmp_path: pathlib.Path):
    (tmp_path / "constraints").mkdir()
    for name in ("a-0.5.0.tar.gz", "b-0.5.0.tar.gz", "b-0.5.0-py3-none-any.whl"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    before = files.hashes(tmp_path.glob("*-0.5.0*"))
    (tmp_path / "constraints" / "snn-0.5.0-hashes.txt").write_text(f"# ours\n{before}", encoding="utf-8")
    others = artifacts.pinned_hashes(tmp_path, {"b": "0.5.0"})
    assert files.hashes([tmp_path / "a-0.5.0.tar.gz"], others) == before
    with pytest.raises(ValueError, match=r"^b: no file in constraints has the hashes of 0\.5\.1, its last release"):
        artifacts.pinned_hashes(tmp_path, {"b": "0.5.1"})


def house_of(root: pathlib.Path, *names: str) -> None:
    """Make files as if they had been built."""
    (root / "dist" / "wheels").mkdir(parents=True)
    for name in names:
        (root / "dist" / "wheels" / name).write_text(name, encoding="utf-8")


def test_a_folder_to_publish_has_the_sums_of_its_files(tmp_path: pathlib.Path):
    names = ["snn-0.5.0-py3-none-any.whl", "snn-0.5.0.tar.gz"]
    house_of(tmp_path, *names, "snn_core-0.5.0.tar.gz")
    (folder,) = artifacts.publishable(tmp_path, {"snn": "0.5.0"})
    assert folder == tmp_path / "dist" / "release" / "snn-0.5.0"
    assert (folder / "SHA256SUMS").read_text(encoding="utf-8").split()[1::2] == names
    assert sorted(file.name for file in folder.iterdir()) == ["SHA256SUMS", *names]


def test_the_umbrella_pins_what_was_built_and_what_was_released_before(tmp_path, monkeypatch):
    house_of(tmp_path, "snn-0.6.0.tar.gz", "snn-0.6.0-py3-none-any.whl", "snn_plot-0.6.0.dev0-py3-none-any.whl")
    monkeypatch.setattr(artifacts, "_others", lambda wheels: {"torch": "2.13.0+cpu", **dict.fromkeys(wheels, "9")})
    pinned, hashed = artifacts.pin(tmp_path, "0.6.0", {("snn-plot", "0.5.0"): ["12"]})
    lines = pinned.read_text(encoding="utf-8").splitlines()
    assert lines[1:] == ["snn==0.6.0", "snn-plot==0.5.0", "torch==2.13.0"]
    known = files.known_hashes([hashed.read_text(encoding="utf-8")])
    assert {release: len(sums) for release, sums in known.items()} == {("snn", "0.6.0"): 2, ("snn-plot", "0.5.0"): 1}


def test_the_built_site_is_packed_the_same_each_time(tmp_path: pathlib.Path):
    with pytest.raises(FileNotFoundError, match="nox -s docs"):
        artifacts.packed_site(tmp_path, "0.6.0")
    for name in ("index.html", "docs/b.html", "docs/a.html"):
        file = tmp_path / "dist" / "docs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name, encoding="utf-8")
    archive = artifacts.packed_site(tmp_path, "0.6.0")
    assert archive == tmp_path / "dist" / "release" / "snn-0.6.0-site.zip"
    with zipfile.ZipFile(archive) as packed:
        assert packed.namelist() == ["snn-0.6.0/docs/a.html", "snn-0.6.0/docs/b.html", "snn-0.6.0/index.html"]
        assert packed.read("snn-0.6.0/docs/a.html") == b"docs/a.html"
    before = archive.read_bytes()
    (tmp_path / "dist" / "docs" / "index.html").touch()
    assert artifacts.packed_site(tmp_path, "0.6.0").read_bytes() == before


def test_the_pins_in_the_tree_are_read_whole():
    for file in ROOT.glob("constraints/*-hashes.txt"):
        text = file.read_text(encoding="utf-8")
        known = files.known_hashes([text])
        assert len(known) == text.count("==")
        assert sum(map(len, known.values())) == text.count("sha256:")
