"""Two compilers, all their warnings, and their sanitizers, on every net for a thousand steps."""

from __future__ import annotations

import pytest
import torch

import snn_export
from in_c.compiling import FLAGS, SANITIZERS, command
from in_c.integer_nets import INTEGER_NETS, integer_inputs
from in_c.nets import NETS, inputs

STRICT = "-Wshadow", "-Wstrict-prototypes", "-Wmissing-prototypes", "-Wcast-qual", "-Wundef"


@pytest.mark.parametrize("name", [*NETS, *INTEGER_NETS])
def test_a_recorded_sequence_replays_without_a_complaint(name, tmp_path):
    torch.manual_seed(0)
    net, shape = {**NETS, **INTEGER_NETS}[name]()
    xs = integer_inputs(net, shape) if name in INTEGER_NETS else inputs(shape)
    folder = tmp_path / "c"
    snn_export.export(net, xs[0], folder / "net.c", recorded=xs, format="c")
    for compiler in ("gcc", "clang"):
        build = compiler, *FLAGS, *STRICT, *SANITIZERS, "-O1", "net.c", "net_main.c", "-lm", "-o", compiler
        compilation = command(*build, folder=folder)
        assert not compilation.returncode, compilation.stderr
        ran = command(f"./{compiler}", folder=folder)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert "1 samples of 1000 steps: every output is the recorded one" in ran.stdout
        assert not ran.stderr


@pytest.mark.parametrize("level", ["-O0", "-O3", "-Os"])
def test_no_level_of_optimization_changes_a_spike(level, tmp_path):
    torch.manual_seed(0)
    net, shape = NETS["residual"]()
    xs = inputs(shape)
    snn_export.export(net, xs[0], tmp_path / "c" / "net.c", recorded=xs, format="c")
    for compiler in ("gcc", "clang"):
        build = compiler, *FLAGS, level, "-march=native", "net.c", "net_main.c", "-lm", "-o", "net"
        assert not command(*build, folder=tmp_path / "c").returncode
        assert command("./net", folder=tmp_path / "c").returncode == 0


def test_a_program_in_c_plus_plus_may_call_it(tmp_path):
    net, shape = NETS["dense"]()
    folder = tmp_path / "c"
    snn_export.export(net, inputs(shape, 1)[0], folder / "net.c", format="c")
    (folder / "main.cpp").write_text(
        '#include "net.h"\nint main() { net_state s; float in[NET_INPUTS] = {}, out[NET_OUTPUTS]; net_reset(&s); '
        "net_step(in, out, &s); return 0; }\n"
    )
    assert not command("gcc", *FLAGS, "-c", "net.c", folder=folder).returncode
    compilation = command("g++", "-Wall", "-Werror", "main.cpp", "net.o", "-o", "net", folder=folder)
    assert not compilation.returncode, compilation.stderr
    assert command("./net", folder=folder).returncode == 0
