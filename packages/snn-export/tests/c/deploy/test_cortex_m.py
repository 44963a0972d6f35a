"""Nets in C on a Cortex-M4, which QEMU emulates."""

from __future__ import annotations

import pytest
import torch

import snn_export
from in_c.compiling import FLAGS, command
from in_c.integer_nets import INTEGER_NETS, integer_inputs
from in_c.nets import NETS, inputs

TARGET = "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 --specs=rdimon.specs".split()
CHOSEN = ("dense", "residual", "recurrent delays", "adlif", "own", "synaptic delays", "delayed conv", *INTEGER_NETS)


@pytest.mark.parametrize("name", CHOSEN)
def test_a_recorded_sequence_replays_on_the_device(name, tmp_path):
    torch.manual_seed(0)
    net, shape = {**NETS, **INTEGER_NETS}[name]()
    xs = integer_inputs(net, shape, 200) if name in INTEGER_NETS else inputs(shape, 200)
    folder = tmp_path / "c"
    report = snn_export.export(net, xs[0], folder / "net.c", recorded=xs, format="c").report
    build = "arm-none-eabi-gcc", *TARGET, *FLAGS, "-Os"
    compilation = command(*build, "net.c", "net_main.c", "-lm", "-o", "net.elf", folder=folder)
    assert not compilation.returncode, compilation.stderr
    ran = command("qemu-arm", "-cpu", "cortex-m4", "net.elf", folder=folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 samples of 200 steps: every output is the recorded one" in ran.stdout
    assert not command(*build, "-c", "net.c", folder=folder).returncode
    text, data, bss = map(int, command("arm-none-eabi-size", "net.o", folder=folder).stdout.splitlines()[1].split()[:3])
    assert data == bss == 0, "all that changes is in the state"
    assert report.flash <= text <= report.flash + 8192
    print(f"{name}: {text} bytes of flash, {report.flash} of them constants; {report.ram} bytes of RAM")
