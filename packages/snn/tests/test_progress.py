"""Tests of the progress of training."""

from __future__ import annotations

import io
import time

import pytest

from snn.demo.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def run(stream: io.StringIO, epochs: int, batches: int = 1) -> str:
    progress = Progress(epochs, batches, stream)
    for done in range(1, epochs * batches + 1):
        progress(done, 1 / done, done / (epochs * batches))
    return stream.getvalue()


def test_on_a_terminal_every_epoch_rewrites_one_line():
    text = run(Terminal(), 23)
    assert text.count("\r") == 23
    assert text.count("\n") == 1
    assert text.endswith("\n")
    widths = {len(line.rstrip("\n")) for line in text.split("\r")[1:]}
    assert len(widths) == 1  # a shorter line leaves nothing of the longer one before it


def test_on_a_terminal_batches_are_shown_ten_times_a_second_at_most(clock):
    stream = Terminal()
    progress = Progress(2, 100, stream)
    for done in range(1, 201):
        clock[0] = done / 32  # an exact number in binary
        progress(done, 0.5, 0.25)
    lines = stream.getvalue().split("\r")[1:]
    # each 4 batches, 1/8 s, are more than 0.1 s; 100 is a multiple of 4
    assert len(lines) == 50
    assert "1/2  loss 0.500" in lines[24]
    assert " 1/2  batch 4/100  loss 0.500  accuracy 25.0 %  3 s left" in lines[25]


def test_the_time_left_is_that_of_the_batches_left_at_the_speed_so_far(clock):
    stream = Terminal()
    progress = Progress(3, 4, stream)
    clock[0] = 10.0
    progress(2, 0.5, 0.25)
    assert "0/3  batch 2/4" in stream.getvalue()
    assert stream.getvalue().rstrip().endswith("50 s left")  # 2 of 12 batches took 10 s


def test_elsewhere_it_writes_about_ten_lines_and_no_control_characters():
    text = run(io.StringIO(), 23, batches=7)
    assert "\r" not in text
    assert len(text.splitlines()) == 10
    assert "batch" not in text


def test_a_few_epochs_are_a_line_each():
    assert len(run(io.StringIO(), 3, batches=2).splitlines()) == 3


def test_the_last_line_says_where_it_ended():
    last = run(io.StringIO(), 7).splitlines()[-1]
    assert "[##############################]  7/7  loss 0.143  accuracy 100.0 %" in last
    assert last.endswith(" s")
