"""The latency table: its percentiles, and a small run from end to end."""

from __future__ import annotations

import pytest
import torch

from bench import __main__ as program
from bench import latency


def test_a_percentile_is_a_time_that_was_measured_and_that_so_many_steps_do_not_exceed() -> None:
    times = [number / 1e6 for number in range(100, 0, -1)]
    (row,) = latency.table({"net": {"stream": times, "loop": times[:1] + times[-1:]}}).rows
    assert row == ["net", "50", "95", "99", "1", "100", "100"]


def test_the_table_has_a_row_for_each_net(capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    try:
        program.main(["--latency", "--steps", "120"])
    finally:
        torch.set_num_threads(threads)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "120 steps, 1 thread(s)"
    assert [line.split(" | ")[0].removeprefix("| ").strip() for line in lines[4:]] == list(latency.NETS)
    for line in lines[4:]:
        numbers = [float(cell) for cell in line.strip(" |").split(" | ")[1:]]
        assert 0 < numbers[0] <= numbers[1] <= numbers[2]
        assert 0 < numbers[3] <= numbers[4] <= numbers[5]


def test_too_few_steps_are_refused() -> None:
    make, shape = next(iter(latency.NETS.values()))
    with pytest.raises(ValueError, match="after the first 100 steps, but xs has 100 steps; pass more"):
        latency.measured(torch.nn.Sequential(*make()), torch.zeros(100, 1, *shape))
