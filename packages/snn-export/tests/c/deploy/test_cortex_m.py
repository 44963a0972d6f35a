"""Nets in C on boards with a Cortex-M, which QEMU emulates."""

from __future__ import annotations

import pytest
import torch

import snn_export
from in_c.boards import BOARDS, on_board
from in_c.integer_nets import INTEGER_NETS, integer_inputs
from in_c.nets import NETS, inputs

CHOSEN = ("dense", "residual", "recurrent delays", "adlif", "own", "synaptic delays", "delayed conv", *INTEGER_NETS)
COUNTED = 3000
KNOWN = f"""
#include "net.h"
#include <stdint.h>
/* {COUNTED} times round a loop of five instructions, with 256 bytes of stack in use */
void net_step(const float *in, float *out, net_state *state)
{{
    volatile uint32_t used[64];
    uint32_t loops = {COUNTED};
    used[0] = loops;
    __asm volatile("1: nop\\n nop\\n nop\\n subs %0, %0, #1\\n bne 1b" : "+r"(loops) : : "cc");
    out[0] = in[0] + (float)used[0];
    (void)state;
}}
void net_reset(net_state *state)
{{
    (void)state;
}}
"""
HEADER = """
typedef struct { char none; } net_state;
void net_step(const float *in, float *out, net_state *state);
void net_reset(net_state *state);
"""
MAIN = """
#include <stdio.h>
#include "net.h"
int main(void)
{
    net_state state;
    const float in[1] = {1};
    float out[1];
    for (int step = 0; step < 7; step++) {
        net_step(in, out, &state);
    }
    puts("every output is the recorded one");
    return RESULT;
}
"""


@pytest.mark.parametrize("board", BOARDS, ids=[board.processor for board in BOARDS])
@pytest.mark.parametrize("name", CHOSEN)
def test_a_recorded_sequence_replays_on_the_board(name, board, tmp_path):
    torch.manual_seed(0)
    net, shape = {**NETS, **INTEGER_NETS}[name]()
    xs = integer_inputs(net, shape, 200) if name in INTEGER_NETS else inputs(shape, 200)
    folder = tmp_path / "c"
    report = snn_export.export(net, xs[0], folder / "net.c", recorded=xs, format="c").report
    measured = on_board(board, folder)
    assert report.flash <= measured.flash <= report.flash + 8192
    assert 0 < measured.instructions <= measured.longest
    assert 0 < measured.stack < 1024


@pytest.mark.parametrize("board", BOARDS, ids=[board.processor for board in BOARDS])
def test_the_instructions_and_the_stack_of_a_step_are_counted(board, tmp_path):
    files = {"net.c": KNOWN, "net.h": HEADER, "net_main.c": MAIN.replace("RESULT", "0")}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    measured = on_board(board, tmp_path)
    assert 5 * COUNTED < measured.instructions <= measured.longest < 5 * COUNTED + 150
    assert 256 <= measured.stack < 256 + 128


def test_a_program_that_fails_on_the_board_is_reported(tmp_path):
    files = {"net.c": KNOWN, "net.h": HEADER, "net_main.c": MAIN.replace("RESULT", "3")}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(AssertionError, match="qemu-system-arm ended with code 3"):
        on_board(BOARDS[0], tmp_path)
