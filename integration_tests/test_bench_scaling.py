"""Tests of the benchmark of several processes: its model, its tables, and a run of two processes."""

from __future__ import annotations

import pytest

from bench import processes

pytestmark = pytest.mark.needs("snn-core")


def test_a_ring_sends_every_gradient_nearly_twice_however_many_there_are():
    alone, exchanged = 0.2, 0.01
    assert processes.modeled(alone, exchanged, 1) == alone
    assert processes.modeled(alone, exchanged, 2) == pytest.approx(0.21)
    assert processes.modeled(alone, exchanged, 10**6) == pytest.approx(0.22)


def test_the_tables_hold_rates_and_speed_ups():
    single = {"bytes": 2**20, "exchange": 0.0, "64": {"together": 0.2, "alone": 0.2}}
    two = {
        "bytes": 2**20,
        "exchange": 0.01,
        "32": {"together": 0.15, "alone": 0.125},
        "64": {"together": 0.32, "alone": 0.3},
    }
    result = {"one": single, "two": two, "machine": {"processor": "one of these", "cores": 2}}
    measured, modeled = processes.tables(result)
    assert measured.rows == [
        ["1", "64", "200.0", "–", "320", "1"],
        ["2", "32", "150.0", "25.0", "427", "1.33"],
        ["2", "64", "320.0", "20.0", "400", "1.25"],
    ]
    assert modeled.rows[0] == ["4", "215.0", "1191", "93%"]
    assert "takes 1.50 times as long" in measured.notes[1]


@pytest.mark.exhaustive
def test_two_processes_measure_a_step_with_and_without_an_exchange(tmp_path):
    result = processes._run(2, rounds=1)
    assert result["processes"] == 2
    assert result["bytes"] == 4 * 3 * (512 * 512 + 512)
    assert min(result["exchange"], *result["32"].values(), *result["64"].values()) > 0
