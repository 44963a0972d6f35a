"""Run nets in C on boards with a Cortex-M, which QEMU emulates, and measure them there."""

from __future__ import annotations

import pathlib
import re
from typing import NamedTuple

from in_c.compiling import FLAGS, command
from workspace import ROOT

FOLDER = ROOT / "docs" / "microcontroller"


class Board(NamedTuple):
    """A board: its processor, its name in QEMU, and what GCC has to know of the processor."""

    processor: str
    machine: str
    options: tuple[str, ...]


BOARDS = (
    Board("Cortex-M3", "mps2-an385", ("-mcpu=cortex-m3",)),
    Board("Cortex-M4", "mps2-an386", ("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")),
    Board("Cortex-M55", "mps3-an547", ("-mcpu=cortex-m55", "-mfloat-abi=hard")),
)


class Measured(NamedTuple):
    """Cost of a net on a board: bytes of code and constants, instructions of a step, bytes of stack."""

    flash: int
    instructions: int
    longest: int
    stack: int


def on_board(board: Board, folder: pathlib.Path) -> Measured:
    """Build the program that replays the recorded sequences of ``net.c``, run it, and return what the net takes.

    Raises:
        AssertionError: If a tool fails, or an output is not the recorded one.
    """
    compiler = "arm-none-eabi-gcc", "-mthumb", *board.options, "-Os"
    _done(folder, *compiler, *FLAGS, "-c", "net.c", "net_main.c")
    program = *(str(FOLDER / file) for file in ("startup.c", "measure.c")), "net.o", "net_main.o", "-lm"
    link = "--specs=rdimon.specs", "-nostartfiles", "-T", str(FOLDER / "board.ld"), "-Wl,--gc-sections,--wrap=net_step"
    _done(folder, *compiler, "-std=gnu99", "-Wall", "-Wextra", "-Werror", *link, *program, "-o", "net.elf")
    printed = _done(
        *(folder, "qemu-system-arm", "-M", board.machine, "-nographic", "-icount", "shift=4"),
        *("-semihosting-config", "enable=on,target=native", "-kernel", "net.elf"),
    )
    assert "every output is the recorded one" in printed, printed
    numbers = re.findall(r"instructions (\d+) longest (\d+) stack (\d+)", printed)
    assert len(numbers) == 1, printed
    sizes = _done(folder, "arm-none-eabi-size", "net.o").splitlines()[1].split()[:3]
    text, data, bss = map(int, sizes)
    assert data == bss == 0, "all that changes is in the state"
    return Measured(text, *map(int, numbers[0]))


def _done(folder: pathlib.Path, *words: str) -> str:
    ran = command(*words, folder=folder)
    assert not ran.returncode, f"{words[0]} ended with code {ran.returncode}: {ran.stdout}{ran.stderr}"
    return ran.stdout
