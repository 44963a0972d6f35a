"""The bar of an epoch: what it tells, that it changes nothing, and what is said where there is none."""

import re
import sys

import pytest
import torch
from torch import nn

import snn_core as snn
import snn_functional as SF
from snn_functional.backprop import BPTT, RTRL, TBPTT

every = pytest.mark.parametrize("train", [BPTT, TBPTT, RTRL])


def run(train, **options):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), snn.Leaky(beta=0.9, init_hidden=True, output=True))
    batches = [(torch.rand(6, 5, 3), torch.arange(5) % 4) for _ in range(3)]
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    return train(net, batches, optimizer, SF.ce_rate_loss(), **options), [p.detach() for p in net.parameters()]


@every
def test_a_bar_tells_the_batches_done_and_the_loss_and_changes_nothing(train, capsys):
    plain = run(train)
    assert capsys.readouterr().err == ""
    output = run(train, progress=True)
    assert torch.equal(output[0], plain[0])
    assert all(map(torch.equal, output[1], plain[1]))
    last = re.split("[\\r\\n]", capsys.readouterr().err.strip())[-1]
    assert "3/3" in last
    assert f"loss={plain[0]:.3g}" in last


@every
def test_without_tqdm_the_error_says_how_to_get_it(train, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match=r"pip install 'snn-functional\[progress\]', or pass progress=False"):
        run(train, progress=True)
