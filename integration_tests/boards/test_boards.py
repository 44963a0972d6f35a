"""Trained nets on emulated boards: the program and the table of the page."""

from __future__ import annotations

import re
import shutil
import sys

import pytest

import boards
from in_c.boards import BOARDS, FOLDER
from in_c.compiling import command

PAGE = boards.PAGE.read_text(encoding="utf-8")
TOOLS_DIFFER = 0.1  # another compiler makes other code


def blocks(language: str) -> list[str]:
    """Return the blocks of the page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def row(*cells: str) -> list[str]:
    """Return the other cells of the row of the page's table that begins with these."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in boards.PART.part(PAGE).splitlines()]
    (match,) = (line for line in rows if (*line[: len(cells)],) == cells)
    return match[len(cells) :]


def number(cell: str) -> int:
    return int(cell.replace(",", ""))


@pytest.mark.parametrize(("name", "numbers"), boards.NETS, ids=["-".join(names) for names in boards.NETS])
def test_a_trained_net_has_the_outputs_of_pytorch_on_every_board_and_takes_what_the_page_says(name, numbers):
    result = boards.deployed(name, numbers)
    right, flash, state, stack, *instructions = row(name, numbers)
    assert right == f"{100 * result.right:.1f} %"
    assert number(state) == result.ram
    assert result.boards[1].flash == pytest.approx(number(flash), rel=TOOLS_DIFFER)
    assert result.boards[1].stack == pytest.approx(number(stack), abs=64)
    for board, cell in zip(result.boards, instructions, strict=True):
        assert board.instructions == pytest.approx(number(cell), rel=TOOLS_DIFFER)


def test_integers_are_as_often_right_as_floats_and_take_what_the_page_says():
    for name in ("digits", "mnist5k"):
        (right, *floats), (other, *integers) = row(name, "float"), row(name, "int8")
        assert abs(float(right.split()[0]) - float(other.split()[0])) < 0.5
        flash, _, _, m3, *with_unit = (number(b) / number(a) for a, b in zip(floats, integers, strict=True))
        assert flash < 1 / 3
        assert m3 <= 0.2
        assert with_unit == pytest.approx([1, 1], abs=0.25)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Follow the page in an empty folder; return what its blocks print: in Python, on the board, of the map."""
    folder = tmp_path_factory.mktemp("page")
    for file in FOLDER.glob("*.*"):
        shutil.copy(file, folder)
    (program,) = blocks("python no-run")
    (folder / "page.py").write_text(program, encoding="utf-8")
    _, *shell = blocks("sh")  # the first one installs the tools
    ran = [command(sys.executable, "page.py", folder=folder)]
    ran += [command("sh", "-e", "-c", block, folder=folder) for block in shell]
    assert [process.returncode for process in ran] == [0] * len(ran), [process.stderr for process in ran]
    return [process.stdout for process in ran]


def test_the_programs_of_the_page_print_what_it_says(printed):
    python, board, linker = blocks("text")
    assert printed[0] == python
    first, counted = printed[1].splitlines()
    assert first == board.splitlines()[0]
    actual, stated = (list(map(int, re.findall(r"\d+", text))) for text in (counted, board.splitlines()[1]))
    assert actual[:2] == pytest.approx(stated[:2], rel=TOOLS_DIFFER)
    assert actual[2] == pytest.approx(stated[2], abs=64)
    assert sizes(printed[2]).keys() == sizes(linker).keys()
    assert sizes(printed[2]) == pytest.approx(sizes(linker), rel=TOOLS_DIFFER, abs=64)


def sizes(linker_map: str) -> dict[tuple[str, str], int]:
    """Return the bytes of the parts of a linker's map."""
    return {(part, file): int(size, 16) for part, _, size, file in map(str.split, linker_map.splitlines())}


def test_the_table_of_boards_has_the_options_with_which_they_are_tested():
    for board in BOARDS:
        options = " ".join((board.options[0], "-mthumb", *board.options[1:]))
        assert f"| {board.processor} | `{board.machine}` | `{options}` |" in PAGE
