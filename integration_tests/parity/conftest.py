"""Fixtures of every comparison with snnTorch and SpikingJelly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import snntorch as peer
import torch


def pytest_configure(config: pytest.Config) -> None:
    """Let through what snnTorch says of an inhibited neuron, SpikingJelly of its import, ours of a decay."""
    config.addinivalue_line("filterwarnings", "ignore:Inhibition is an unstable feature:UserWarning")
    config.addinivalue_line("filterwarnings", r"ignore:`torch.jit.\w+` is :DeprecationWarning")
    config.addinivalue_line("filterwarnings", r"ignore:\w+. \w+ is a decay per step and is clamped:UserWarning")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """The tensors here are tiny; threads that wait for each other would take thirty times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """The peer's list of all neurons is emptied: its resets would reach the neurons of other tests."""
    peer.SpikingNeuron.instances.clear()
    yield
    peer.SpikingNeuron.instances.clear()
