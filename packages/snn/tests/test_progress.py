"""How far the training is."""

from __future__ import annotations

import io

from snn.demo.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(stream: io.StringIO, epochs: int) -> str:
    progress = Progress(epochs, stream)
    for epoch in range(1, epochs + 1):
        progress(epoch, 1 / epoch, epoch / epochs)
    return stream.getvalue()


def test_on_a_terminal_every_epoch_rewrites_one_line():
    text = run(Terminal(), 23)
    assert text.count("\r") == 23
    assert text.count("\n") == 1
    assert text.endswith("\n")
    widths = {len(line.rstrip("\n")) for line in text.split("\r")[1:]}
    assert len(widths) == 1  # a shorter line leaves nothing of the longer one before it


def test_elsewhere_it_writes_about_ten_lines_and_no_control_characters():
    text = run(io.StringIO(), 23)
    assert "\r" not in text
    assert len(text.splitlines()) == 10


def test_a_few_epochs_are_a_line_each():
    assert len(run(io.StringIO(), 3).splitlines()) == 3


def test_the_last_line_says_where_it_ended():
    last = run(io.StringIO(), 7).splitlines()[-1]
    assert "[##############################]  7/7  loss 0.143  accuracy 100.0 %" in last
    assert last.endswith(" s")
