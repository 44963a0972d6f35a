"""The page about settings: its tables have a row of every setting that the tool trains, each with three seeds."""

from __future__ import annotations

import re

import pytest

import choose_settings

pytestmark = pytest.mark.needs()


def test_the_page_has_every_table_with_a_row_of_every_setting():
    text = choose_settings.PAGE.read_text(encoding="utf-8")
    for title, rows in choose_settings.GRIDS.items():
        table = text.partition(f"### {title}\n\n")[2].partition("\n\n")[0]
        names = [line.split("|")[1].strip() for line in table.splitlines()[2:]]
        assert names == [*rows]
        cells = re.findall(r"\d+\.\d ± \d+\.\d \([01]\.\d\d\)", table)
        assert len(cells) == sum(map(len, rows.values()))
    assert re.search(r"^\| seeds +\| 3 +\|$", text, re.MULTILINE)


def test_a_setting_changes_one_thing():
    for rows in choose_settings.GRIDS.values():
        for row in rows.values():
            assert len({settings.rate for settings in row}) == 1
            assert len({settings.beta for settings in row}) == 1


def test_a_training_depends_on_its_seed_alone():
    settings = choose_settings.Settings("digits", num_steps=2, code="rate")
    first, again, other = (choose_settings.trained(settings, seed, epochs=1) for seed in (0, 0, 1))
    assert first[:2] == again[:2]
    assert first.firing != other.firing


def test_a_table_has_mean_and_standard_deviation():
    settings = choose_settings.Settings("digits", num_steps=1)
    (table,) = choose_settings.tables(2, {"Decay beta": {"0.9": [settings]}})
    shares = [100 * choose_settings.trained(settings, seed).accuracy for seed in (0, 1)]
    assert table.rows[0][1].startswith(f"{sum(shares) / 2:.1f} ± {abs(shares[0] - shares[1]) / 2**0.5:.1f} (")


def test_the_tables_of_the_page_are_between_the_marks():
    text = choose_settings.PAGE.read_text(encoding="utf-8")
    tables = choose_settings.PART.part(text)
    assert tables.startswith(f"{choose_settings.PART.begin}\n\n### ")
    assert "\n| " not in text.partition(tables)[2]


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match=r"\.md needs the lines"):
        choose_settings.PART.put("# Choose", str)


def test_no_seeds_are_refused(capsys):
    with pytest.raises(SystemExit):
        choose_settings.main(["--seeds", "0"])
    assert "argument --seeds: 0 is not at least 1" in capsys.readouterr().err
