"""The registry of targets: listing is free, a broken plug-in is a reason, and conformance can be tested."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_core import backends
from snn_core.backends import conformance
from snn_core.backends.loopback import Loopback

from .entry_points import pretend

GROUP = "snn.backends"


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 4), snn.Leaky(beta=0.9, init_hidden=True))


class Absent(Loopback):
    def availability(self) -> backends.Availability:
        return backends.Availability(False, "no device found; plug one in")


class Raises(Loopback):
    def availability(self) -> backends.Availability:
        raise OSError("the driver crashed")


class Older(Loopback):
    api = 0


class Liar(Loopback):
    """Gives back spikes that nobody fired."""

    def compile(self, net: nn.Module, *example: Any, **options: Any) -> Callable[..., Any]:
        run = super().compile(net, *example, **options)
        return lambda xs: tuple(1 - out for out in run(xs))


class Forgetful(Loopback):
    """Does not start from rest."""

    def compile(self, net: nn.Module, *example: Any, **options: Any) -> Callable[..., Any]:
        super().compile(net, *example, **options)
        snn.utils.reset(net)
        return lambda xs: snn.unroll(net, xs, resume=True)


class Meddler(Loopback):
    """Changes the net that it is asked to look at."""

    def check(self, net: nn.Module, *example: Any) -> list[backends.Issue]:
        with torch.no_grad():
            next(net.parameters()).add_(1)
        return []


class Careless(Loopback):
    """Takes any option."""

    def compile(self, net: nn.Module, *example: Any, **options: Any) -> Callable[..., Any]:
        return super().compile(net, *example)


def test_listing_names_imports_nothing_of_the_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, GROUP, imaginary="surely_no_such_module:Target")
    assert "imaginary" in backends.names()
    assert "surely_no_such_module" not in sys.modules


def test_importing_the_core_and_listing_loads_no_target() -> None:
    code = "import sys, snn_core; print(snn_core.backends.names(), 'snn_core.backends.loopback' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "'loopback'" in process.stdout
    assert process.stdout.strip().endswith("False")


def test_the_loopback_target_is_installed_and_runs_a_copy_of_the_net() -> None:
    target = backends.get("loopback")
    model, xs = net(), torch.randn(7, 3, 5)
    assert target.availability().ok
    assert target.check(model, xs) == []
    run = target.compile(model, xs)
    expected = snn.unroll(model, xs)
    assert torch.equal(run(xs), expected)
    with torch.no_grad():
        model[0].weight.zero_()
    assert torch.equal(run(xs), expected)


def test_loopback_refuses_what_unroll_refuses() -> None:
    model = nn.Sequential(nn.Linear(5, 4), snn.Leaky(beta=0.9))
    (issue,) = backends.get("loopback").check(model, torch.randn(7, 3, 5))
    assert issue.where == "1"
    assert "init_hidden=True" in issue.remedy
    with pytest.raises(backends.BackendError, match="init_hidden"):
        backends.get("loopback").compile(model, torch.randn(7, 3, 5))
    with pytest.raises(TypeError, match="precision"):
        backends.get("loopback").compile(net(), precision="half")


def test_an_unknown_name_lists_the_known_ones_and_what_to_install() -> None:
    with pytest.raises(ValueError, match=r"'tpu'.*loopback"):
        backends.get("tpu")


def test_a_target_of_this_project_that_is_missing_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    monkeypatch.setattr(metadata, "entry_points", lambda **params: metadata.EntryPoints([]))
    with pytest.raises(ValueError, match=r"'ipu'.*pip install.*snn-ipu"):
        backends.get("ipu")


@pytest.mark.parametrize(
    ("offered", "reason"),
    [
        ("surely_no_such_module:Target", "surely_no_such_module"),
        ("snn_core:surely_no_such_name", "surely_no_such_name"),
        (object, "api"),
        (Older, "interface"),
        (Raises, "the driver crashed"),
        (Absent, "plug one in"),
    ],
    ids=["missing module", "missing name", "no target", "older interface", "raising", "absent device"],
)
def test_a_backend_that_does_not_run_here_has_a_reason_in_the_status(
    monkeypatch: pytest.MonkeyPatch, offered: Any, reason: str
) -> None:
    pretend(monkeypatch, GROUP, broken=offered)
    statuses = {s.name: s for s in backends.status()}
    assert statuses["loopback"].ok
    assert not statuses["broken"].ok
    assert statuses["broken"].kind == "target"
    assert reason in statuses["broken"].reason


def test_a_broken_target_raises_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, GROUP, broken="surely_no_such_module:Target")
    backends.names()
    backends.status()
    assert backends.get("loopback").availability().ok
    with pytest.raises(backends.BackendError, match=r"'broken'.*surely_no_such_module"):
        backends.get("broken")


def test_two_packages_that_claim_one_name_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, GROUP, twice=Loopback)
    pretend(monkeypatch, GROUP, twice="other_package:Target")
    with pytest.raises(backends.BackendError, match=r"'twice'"):
        backends.get("twice")


def test_loopback_conforms_when_asked_on_the_command_line() -> None:
    command = [sys.executable, "-m", "snn_core.backends.conformance", "loopback"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr
    assert "0 failures" in process.stdout


@pytest.mark.parametrize("target", [Liar, Forgetful, Meddler, Careless, Raises], ids=lambda t: t.__name__)
def test_a_target_that_breaks_a_promise_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], target: type
) -> None:
    pretend(monkeypatch, GROUP, suspect=target)
    assert conformance.failures(target()) != []
    if target is not Raises:
        assert conformance.main(["suspect"]) == 1
        assert "FAILED" in capsys.readouterr().out


def test_a_target_without_its_device_is_checked_as_far_as_possible(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend(monkeypatch, GROUP, absent=Absent)
    assert conformance.main(["absent"]) == 0
    assert "not run" in capsys.readouterr().out


def test_a_conformance_check_of_nothing_explains_its_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert conformance.main([]) == 2
    assert conformance.main(["tpu"]) == 2
    errors = capsys.readouterr().err
    assert "usage" in errors
    assert "'tpu'" in errors


def test_explain_says_how_a_net_will_run_and_leaves_it_alone() -> None:
    model, xs = net(), torch.randn(7, 3, 5)
    schedule = backends.explain(model, xs)
    assert schedule.kind == "layers"
    assert model[1].mem.shape == (0,)
    assert "Linear" in str(schedule)
    assert "Leaky" in str(schedule)
    schedule = backends.explain(nn.Sequential(nn.Dropout(), model), xs)
    assert "Dropout: before the sequence, one step after another (draws random numbers)" in str(schedule)
    with pytest.raises(TypeError, match="explain"):
        backends.explain(print, xs)  # type: ignore[arg-type]
