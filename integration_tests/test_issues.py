"""Whatever looks at a net says what is wrong with it in the same form."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import nir
import numpy as np
import pytest
import torch
from torch import nn

import snn
from snn.backends import Issue


def net(threshold: float = 1.0, **options: bool) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), snn.Leaky(beta=0.9, threshold=threshold, **options))


def of_diagnosis() -> Sequence[Issue]:
    return snn.functional.diagnose(net(50.0, init_hidden=True), torch.ones(20, 4, 3)).findings


def of_graph() -> Sequence[Issue]:
    nodes = {"in": nir.Input(np.array([2])), "gain": nir.Scale(np.array([1.0, np.nan]))}
    return snn.nir.check(nir.NIRGraph(nodes, [("in", "gane")], type_check=False))


def of_reader_elsewhere() -> Sequence[Issue]:
    lif = nir.LIF(*(np.full(3, value) for value in (1e-2, 1.0, 0.0, 1.0, -0.5)))
    return snn.nir.check(nir.NIRGraph.from_list(lif), "norse")


def of_target(name: str) -> Sequence[Issue]:
    return snn.backends.get(name).check(net(), torch.rand(7, 4, 3))


CASES = {
    "diagnose": (of_diagnosis, {"1"}),
    "nir.check": (of_graph, {"graph", "node 'gain', scale", "node 'gain'"}),
    "nir.check for norse": (of_reader_elsewhere, {"norse 1.1.0, lif"}),
    "loopback": (lambda: of_target("loopback"), {"1"}),
    "ipu": (lambda: of_target("ipu"), {"1"}),
}


@pytest.mark.parametrize(("look", "wheres"), CASES.values(), ids=CASES)
def test_an_issue_names_code_place_message_remedy_and_severity(
    look: Callable[[], Sequence[Issue]], wheres: set[str]
) -> None:
    issues = look()
    assert issues
    for issue in issues:
        assert isinstance(issue, Issue)
        assert all((issue.code, issue.message, issue.remedy))
        assert issue.severity in ("error", "warning", "info")
        assert issue.message in str(issue)
        assert issue.remedy in str(issue)
    assert {issue.where for issue in issues} == wheres
