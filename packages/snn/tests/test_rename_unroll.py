"""``snn rename --unroll``: the new program gives the numbers of the old one, and loops of another kind stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from snn.cli import main
from snn.renaming.unrolling import unrolled

HEAD = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
import snn
from snn import surrogate, utils

num_steps, spike_grad = 6, surrogate.straight_through_estimator()

"""

# the nets of snnTorch's tutorials 5 and 6, smaller
FEEDFORWARD = (
    HEAD
    + '''
class Net(nn.Module):
    """A net."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(7, 11)  # a comment
        self.lif1 = snn.Leaky(beta=0.5, spike_grad=spike_grad)
        self.fc2 = nn.Linear(11, 5)
        self.lif2 = snn.Leaky(
            beta=0.5,
            spike_grad=spike_grad,  # another
        )

    def forward(self, x):
        # Initialize hidden states at t=0
        mem1 = self.lif1.init_leaky()
        mem2 = self.lif2.init_leaky()

        # Record the final layer
        spk2_rec, mem2_rec = [], []

        for step in range(num_steps):
            cur1 = self.fc1(x)
            spk1, mem1 = self.lif1(cur1, mem1)
            cur2 = self.fc2(spk1)
            spk2, mem2 = self.lif2(cur2, mem2)
            spk2_rec.append(spk2)
            mem2_rec.append(mem2)

        return torch.stack(spk2_rec, dim=0), torch.stack(mem2_rec, dim=0)
'''
)
OVER_TIME = (
    FEEDFORWARD.replace("self.fc1(x)", "self.fc1(x[step])")
    .replace("            mem2_rec.append(mem2)\n", "")
    .replace(", mem2_rec = [], []", " = []")
    .replace("torch.stack(spk2_rec, dim=0), torch.stack(mem2_rec, dim=0)", "torch.stack(spk2_rec), num_steps")
    .replace("range(num_steps)", "range(x.size(0))")
)
CONVOLUTIONAL = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.lif1 = nn.Conv2d(1, 3, 3), snn.Synaptic(alpha=0.5, beta=0.5, spike_grad=spike_grad)
        self.fc1 = nn.Linear(27, 5)
        self.lif2 = snn.RLeaky(beta=0.5, V=0.5, all_to_all=False, spike_grad=spike_grad)

    def forward(self, xs):
        syn1, mem1 = self.lif1.init_synaptic()
        spk2, mem2 = self.lif2.init_rleaky()
        mem2_rec = []
        for x in xs:
            spk1, syn1, mem1 = self.lif1(F.max_pool2d(self.conv1(x), 2), syn1, mem1)
            spk2, mem2 = self.lif2(self.fc1(spk1.flatten(1)), spk2, mem2)
            mem2_rec.append(mem2)
        mem2_rec = torch.stack(mem2_rec, 0)
        return mem2_rec, len(mem2_rec)
"""
)
HIDDEN = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        options = dict(beta=0.5, spike_grad=spike_grad, init_hidden=True)
        self.layers = nn.Sequential(
            nn.Linear(7, 11), snn.Leaky(**options), nn.Linear(11, 5), snn.Leaky(**options, output=True)
        )

    def forward(self, x):
        return self.layers(x)


class Looped(Net):
    def forward(self, x):
        return forward_pass(self.layers, num_steps, x)


def forward_pass(net, num_steps, data):
    spk_rec = []
    mem_rec = []
    utils.reset(net)
    for step in range(num_steps):
        spk, mem = net(data)
        mem_rec.append(mem)
        spk_rec.append(spk)
    return torch.stack(spk_rec), torch.stack(mem_rec)


Net = Looped
"""
)
KEPT = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(7, 11)
        self.lif1 = snn.Leaky(beta=0.5, spike_grad=spike_grad, init_hidden=True)
        self.fc2 = nn.Linear(11, 5)
        self.lif2 = snn.Leaky(beta=0.5, spike_grad=spike_grad, init_hidden=True, output=True)

    def forward(self, x):
        utils.reset(self)
        outputs = []
        mems = []
        for _ in range(num_steps):
            x_hidden = self.lif1(self.fc1(x.view(x.size(0), -1)))
            spk, mem = self.lif2(self.fc2(x_hidden))
            outputs.append(spk)
            mems.append(mem)
        return torch.stack(outputs), torch.stack(mems)
"""
)
PROGRAMS = {
    "convolutional": (CONVOLUTIONAL, (6, 3, 1, 8, 8)),
    "feedforward": (FEEDFORWARD, (3, 7)),
    "hidden": (HIDDEN, (3, 7)),
    "kept": (KEPT, (3, 7)),
    "over time": (OVER_TIME, (6, 3, 7)),
}


def eighths(*shape: int, seed: int) -> Tensor:
    """Multiples of 1/8: in float64 all sums of a short run are exact, in whatever order they are added."""
    return torch.randint(-8, 9, shape, generator=torch.Generator().manual_seed(seed)).double() / 8


def result(program: str, shape: tuple[int, ...]) -> tuple[list[Tensor], dict[str, Tensor]]:
    """Return the outputs of a program's net, and the gradients of its weights and of its input."""
    names: dict[str, Any] = {}
    exec(program, names)
    net = names["Net"]().double()
    for seed, weight in enumerate(net.parameters()):
        weight.data.copy_(eighths(*weight.shape, seed=seed))
    xs = (2 * eighths(*shape, seed=9)).requires_grad_()
    outputs = [output for output in net(xs) if isinstance(output, Tensor)]
    again = [output for output in net(xs) if isinstance(output, Tensor)]  # a second call begins at rest too
    assert all(map(torch.equal, outputs, again))
    sum((output * eighths(*output.shape, seed=5)).sum() for output in outputs).backward()
    return outputs, {name: p.grad for name, p in [*net.named_parameters(), ("x", xs)] if p.grad is not None}


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_the_new_program_gives_the_same_numbers_and_gradients_bit_for_bit(name: str) -> None:
    program, shape = PROGRAMS[name]
    new, (line,) = unrolled(program, "net.py")
    assert "snn bench net.py:make_net --shape T,B,..." in line
    assert "for " not in new
    assert "snn.unroll(" in new
    outputs, gradients = result(program, shape)
    new_outputs, new_gradients = result(new, shape)
    assert 0.05 < float((outputs[0] > 0).double().mean()) < 1
    assert len(outputs) == len(new_outputs)
    assert all(map(torch.equal, outputs, new_outputs))
    assert gradients.keys() == new_gradients.keys()
    assert all(torch.equal(gradients[weight], new_gradients[weight]) for weight in gradients)
    assert all(bool(gradient.any()) for gradient in gradients.values())
    assert unrolled(new, "net.py") == (new, [])


def test_all_lines_outside_of_the_replaced_ones_stay() -> None:
    new, _ = unrolled(FEEDFORWARD, "net.py")
    expected = FEEDFORWARD.replace("spike_grad)\n        self.fc2", "spike_grad, init_hidden=True)\n        self.fc2")
    expected = expected.replace("spike_grad,  # another", "spike_grad, init_hidden=True, output=True,  # another")
    start, end = expected.index("        mem1 = "), expected.index("\n        # Record")
    expected = expected[:start] + expected[end:]
    start, end = expected.index("        spk2_rec, mem2_rec = []"), expected.index("        return")
    assert new == expected[:start] + (
        "\n        spk2_rec, mem2_rec = snn.unroll(\n"
        "            nn.Sequential(self.fc1, self.lif1, self.fc2, self.lif2),\n"
        "            x.expand(num_steps, *x.shape),\n"
        "        )\n\n"
        "        return spk2_rec, mem2_rec\n"
    )


CHANGES = {
    "adds up": ("spk2_rec.append(spk2)", "total += spk2", "it adds up values"),
    "branch": ("spk2_rec.append(spk2)", "if True: spk2_rec.append(spk2)", "it takes branches (if)"),
    "break": ("spk2_rec.append(spk2)", "break", "it can end early (break)"),
    "hidden layer kept": ("spk2_rec.append(spk2)", "spk2_rec.append(spk1)", "spk2_rec keeps spk1, which is not from"),
    "item": ("spk2_rec.append(spk2)", "loss = spk2.sum().item()", "it reads a value into Python: `spk2.sum().item()`"),
    "last output": ("return torch", "spk2 *= 2; return torch", "line 39 uses spk2 too"),
    "last state": ("return torch", "return mem1, torch", "line 39 uses mem1 too"),
    "layers inside": ("fc2 = nn.Linear(11, 5)", "fc2 = nn.Sequential(*rest)", "`self.fc2(spk1)` is not a layer"),
    "not at rest": ("self.lif1.init_leaky()", "torch.ones(11)", "line 25, before the loop, uses what the loop changes"),
    "other use of the layer": ("return torch", "self.lif1.threshold; return torch", "line 39 uses lif1 too"),
    "own function": ("self.fc2(spk1)", "mixed(spk1)", "`mixed(spk1)` is not a layer"),
    "random input": ("self.fc1(x)", "self.fc1(torch.rand_like(x))", "`torch.rand_like(x)` is not a layer"),
    "rows": ("self.fc2(spk1)", "self.fc2(spk1.view(3, -1))", "can change the size of the batch; write .flatten(1)"),
    "several things": ("for step in", "for step, y in", "it loops over several things at once"),
    "skip connection": ("self.fc2(spk1)", "self.fc2(spk1) + cur1", "`self.fc2(spk1) + cur1` is not a layer"),
    "stack on another axis": ("spk2_rec, dim=0", "spk2_rec, dim=1", "uses spk2_rec too"),
    "state in between": ("        # Record", "        mem1 = mem1 + 1\n        # Record", "uses what the loop changes"),
    "step number": ("self.fc1(x)", "self.fc1(x * step)", "`x * step` is not a layer"),
    "step number twice": ("self.fc2(spk1)", "self.fc2(spk1[step])", "it uses the step number"),
    "subclass": ("def forward", "class Own(Net): pass\n\n    def forward", "the program has a subclass of Net"),
    "swapped states": ("self.lif1(cur1, mem1)", "self.lif1(cur1, mem2)", "does not get the states"),
    "the same layer": ("self.fc2(spk1)", "self.fc1(spk1)", "it runs a layer twice in a step"),
    "unknown options": ("beta=0.5, spike_grad=spike_grad)", "**options)", "passes the options of self.lif1"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_a_loop_of_another_kind_stays_with_a_reason(name: str) -> None:
    before, after, reason = CHANGES[name]
    assert before in FEEDFORWARD
    program = FEEDFORWARD.replace(before, after, 1)
    new, (line,) = unrolled(program, "net.py")
    assert new == program
    assert line.startswith("line 3")
    assert "the loop stays as it is" in line
    assert reason in line


def test_a_net_that_goes_on_from_its_last_state_stays() -> None:
    program = HIDDEN.replace("    utils.reset(net)\n", "").replace("Net = Looped", "utils.reset(net)")
    assert unrolled(program, "net.py")[0] == program
    program = KEPT.replace("utils.reset(self)", "pass")
    assert "no statement before it resets self.lif1" in unrolled(program, "net.py")[1][0]


def test_a_program_without_a_loop_over_time_has_no_lines() -> None:
    program = HEAD + "for data, targets in loader:\n    net(data)\n"
    assert unrolled(program, "net.py") == (program, [])


def test_the_command_shows_the_change_and_writes_on_request_only(tmp_path: Path, capsys) -> None:
    path = tmp_path / "net.py"
    old = FEEDFORWARD.replace("import snn\n", "import snntorch as snn\n")
    path.write_text(old, encoding="utf-8")
    assert main(["rename", "--unroll", str(path)]) == 0
    output = capsys.readouterr()
    assert "-import snntorch as snn\n+import snn\n" in output.out
    assert "+        return spk2_rec, mem2_rec\n" in output.out
    assert f"note: {path}, line 31: to measure the gain, write make_net(), which makes net = Net(...) and" in output.err
    assert path.read_text(encoding="utf-8") == old
    assert main(["rename", "--unroll", str(path), "--write"]) == 0
    assert path.read_text(encoding="utf-8") == unrolled(FEEDFORWARD, "net.py")[0]
    capsys.readouterr()
    path.write_text(FEEDFORWARD.replace("return torch", "return mem1, torch"), encoding="utf-8")
    assert main(["rename", "--unroll", str(path), "--write"]) == 0
    assert "the loop stays as it is: line 39 uses mem1 too" in capsys.readouterr().err
