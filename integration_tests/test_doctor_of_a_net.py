"""``snn doctor net.py:make_net`` and ``snn.diagnose``, with every piece installed and on real digits."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
import torch
from torch import nn

import snn
from snn.cli import main
from workspace import ROOT

PROGRAM = """
import torch
from torch import nn
import snn_core as snn

def make_net(threshold=1.0, surrogate=None):
    print("making a net")
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 9), snn.Leaky(0.8, threshold, surrogate, init_hidden=True), nn.Linear(9, 3),
                        snn.Leaky(0.8, init_hidden=True))
    for layer in (net[0], net[2]):
        nn.init.uniform_(layer.weight, -0.2, 0.8)
    return net

def make_silent_net():
    return make_net(threshold=100.0, surrogate=snn.surrogate.sigmoid())

def make_deep_net():
    torch.manual_seed(0)
    surrogate = snn.surrogate.fast_sigmoid(slope=1000)
    sizes = [4, *[30] * 7, 3]
    net = nn.Sequential()
    for inputs, outputs in zip(sizes, sizes[1:]):
        net.extend([nn.Linear(inputs, outputs), snn.Leaky(0.9, spike_grad=surrogate, init_hidden=True)])
    snn.init.fluctuation_(net, make_batch())
    return net

class Loop(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = make_net()

    def forward(self, xs):
        self.net[1].reset_mem(), self.net[3].reset_mem()
        return torch.stack([self.net(x) for x in xs])

def make_batch():
    return torch.rand(11, 5, 4, generator=torch.Generator().manual_seed(1))

def make_pair():
    return make_batch(), torch.tensor([0, 2, 1, 1, 0])

def make_nothing():
    return None

def make_image_net():
    return nn.Sequential(nn.Conv2d(1, 2, 3), snn.Leaky(0.8, init_hidden=True))
"""


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(PROGRAM, encoding="utf-8")
    yield f"{path}:"
    sys.modules.pop(str(path), None)


@pytest.mark.parametrize("batch", [["--batch", "make_batch"], ["--batch", "make_pair"], ["--shape", "11,5,4"]])
def test_a_healthy_net_ends_with_code_0(net, batch, capsys):
    words = [batch[0], net + batch[1] if batch[0] == "--batch" else batch[1]]
    assert main(["doctor", net + "make_net", *words]) == 0
    output = capsys.readouterr()
    assert output.out.splitlines()[0].startswith("layer  kind")
    assert output.out.splitlines()[-1] == "nothing wrong was found"
    assert output.err == "making a net\n"


def test_a_net_with_an_error_ends_with_code_1_and_json_says_which(net, capsys):
    words = ["doctor", net + "make_silent_net", "--batch", net + "make_pair"]
    assert main(words) == 1
    assert "error    unreachable_threshold in '1'" in capsys.readouterr().out
    assert main([*words, "--json"]) == 1
    description = json.loads(capsys.readouterr().out)
    assert description["ok"] is False
    assert [finding["code"] for finding in description["findings"]] == ["unreachable_threshold"]


def test_a_net_whose_first_layers_have_no_gradient_to_speak_of_ends_with_code_1(net, capsys):
    words = ["doctor", net + "make_deep_net", "--batch", net + "make_pair"]
    assert main(words) == 1
    lines = capsys.readouterr().out.splitlines()
    assert float(lines[1].partition(" .. ")[0].split()[-1]) < 1e-18  # the gradient of the first layer in the first step
    assert any(line.startswith("error    vanishing_in_depth in '1', '3'") for line in lines)
    assert max(lines.count(line) for line in lines) == 2  # the remedy of errors and of warnings
    assert not any(line.startswith("warning  exploding_in_time in '1'") for line in lines)


@pytest.mark.parametrize("function", ["make_net", "make_silent_net"])
def test_a_net_without_a_loop_is_distinguished_from_one_that_has_one(net, function, capsys):
    assert main(["doctor", net + function, "--batch", net + "make_pair", "--own-loop"]) == 1
    first = capsys.readouterr().out.partition("error ")[2]
    assert first.lstrip().startswith("no_loop in '1'")
    assert main(["doctor", net + "make_image_net", "--shape", "11,5,1,4,4", "--own-loop"]) == 2
    assert "if the net has no loop over the steps of its own, leave out --own-loop" in capsys.readouterr().err


def test_a_batch_that_no_machine_holds_ends_with_code_2(net, capsys):
    assert main(["doctor", net + "make_net", "--shape", "999999999,999999999,4"]) == 2
    output = capsys.readouterr()
    message = (
        r"snn doctor: --shape 999999999,999999999,4 takes 14,901,161,\d+\.\d GiB, more than the .* of this machine"
    )
    assert re.search(message, output.err)
    assert output.out == ""


def test_a_net_with_a_loop_of_its_own(net, capsys):
    words = ["doctor", net + "Loop", "--batch", net + "make_pair"]
    assert main([*words, "--own-loop"]) == 0
    assert "net.1  Leaky" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["make_batch", "--shape", "11,5,4"], "returns a Tensor; it must return a torch.nn.Module"),
        (["make_net", "--batch", "make_nothing"], "make_nothing returns a NoneType; it must return a torch.Tensor"),
        (
            ["make_net", "--batch", "make_nothin"],
            "has no function 'make_nothin'; it has make_net, make_silent_net, make_deep_net, Loop",
        ),
        (
            ["make_net", "--shape", "11,5,7"],
            "the net does not run over (11, 5, 7): RuntimeError: ... mat1 and mat2 shapes",
        ),
    ],
)
def test_a_net_that_cannot_be_diagnosed_ends_with_code_2(net, words, complaint, capsys):
    named = [net + word if word.startswith("make") else word for word in words]
    assert main(["doctor", *named]) == 2
    output = capsys.readouterr()
    assert all(part in output.err for part in complaint.split("... "))
    assert "snn doctor: " in output.err
    assert output.out == ""


def test_a_net_that_fails_in_its_own_code_shows_the_line(tmp_path, capsys):
    path = tmp_path / "fails.py"
    path.write_text(
        "from torch import nn\nclass Net(nn.Module):\n    def forward(self, x):\n        return x.nothing\n"
    )
    assert main(["doctor", f"{path}:Net", "--shape", "3,2,4"]) == 2
    assert f"{path}, line 4, in forward: return x.nothing" in capsys.readouterr().err


def test_the_command_is_run_where_the_file_is(net, tmp_path):
    words = ["doctor", "net:make_net", "--shape", "11,5,4"]
    process = subprocess.run(
        [sys.executable, "-m", "snn", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stdout.splitlines()[-1]) == (0, "nothing wrong was found"), process.stderr


@pytest.fixture(scope="module")
def trained():
    """A net that reads digits, the images and labels of a test batch, and what trained it."""
    train, test = snn.data.digits()
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 50), snn.Leaky(0.9, init_hidden=True), nn.Linear(50, 10))
    net.append(snn.Leaky(0.9, init_hidden=True))
    optimizer = torch.optim.Adam(net.parameters(), 5e-3)
    images, labels = train.data.float(), train.targets
    for _ in range(3):
        for rows in torch.randperm(len(images)).split(64):
            spk = snn.unroll(net, images[rows].expand(10, *images[rows].shape))
            loss = snn.functional.ce_rate_loss()(spk, labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    snn.utils.reset(net)
    return net, test.data[:100].float(), test.targets[:100], optimizer


def test_a_net_that_reads_digits_is_healthy(trained):
    net, images, labels, optimizer = trained
    spk = snn.unroll(net, images.expand(10, *images.shape))
    snn.utils.reset(net)
    assert snn.functional.accuracy_rate(spk, labels) > 0.9
    diagnosis = snn.diagnose(net, images, labels, num_steps=10, optimizer=optimizer)
    assert diagnosis.findings == [], str(diagnosis)


def test_digits_as_bytes_and_swapped_axes_are_reported(trained):
    net, images, labels, _ = trained
    steps = images.expand(10, *images.shape)
    pixels = snn.diagnose(net, (255 * steps).round(), labels)
    assert "byte_input" in [finding.code for finding in pixels.findings]
    swapped = snn.diagnose(net, steps.transpose(0, 1), labels)
    assert "swapped_axes" in [finding.code for finding in swapped.findings]


def test_the_findings_are_the_same_with_and_without_fused_kernels():
    program = """
import json, torch, snn
from torch import nn
torch.manual_seed(0)
nets = [nn.Sequential(nn.Linear(4, 6), snn.LeakyParallel(6, 6, beta=0.8), nn.Linear(6, 3),
                      snn.Leaky(0.8, threshold=9.0, init_hidden=True)),
        nn.Sequential(nn.Linear(4, 6), snn.Leaky(0.8, init_hidden=True), nn.Linear(6, 3),
                      snn.RLeaky(0.8, linear_features=3, init_hidden=True))]
xs, y = torch.rand(11, 5, 4), torch.tensor([0, 2, 1, 1, 0])
for net in nets:
    print(json.dumps(snn.diagnose(net, xs, y).to_dict()))
"""
    printed = []
    for off in ("", "1"):
        environment = os.environ | {"SNN_DISABLE_NATIVE": off}
        process = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
        )
        assert process.returncode == 0, process.stderr
        printed.append([json.loads(line) for line in process.stdout.splitlines()])
    assert [[finding["code"] for finding in report["findings"]] for report in printed[0]] != [[], []]
    for fused, plain in zip(*printed, strict=True):
        assert [(f["code"], f["module"]) for f in fused["findings"]] == [
            (f["code"], f["module"]) for f in plain["findings"]
        ]
        counts = [[(layer["rate"], layer["dead"]) for layer in result["layers"]] for result in (fused, plain)]
        assert counts[0] == counts[1]


def test_the_page_lists_every_code_and_no_other():
    source = ROOT / "packages" / "snn-functional" / "src" / "snn_functional" / "diagnosis"
    texts = [file.read_text(encoding="utf-8") for file in source.glob("_*.py")]
    codes = {code for text in texts for code in re.findall(r'Finding\("(\w+)"', text)}
    table = (ROOT / "docs" / "diagnose.md").read_text(encoding="utf-8").partition("| code |")[2]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    page_codes = {code for row in rows for code in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert page_codes == codes | {"silent_layer", "silent_output"}
