"""Programs written for the peer run with the import renamed, and give its numbers."""

from __future__ import annotations

import inspect
import re
from importlib.metadata import metadata
from typing import Any

import pytest
import snntorch as peer
import snntorch.surrogate
import snntorch.utils
import torch
from torch import Tensor, nn

import snn_core as ours

from .cases import spread
from .comparison import assert_close
from .programs import PROGRAMS


def pair(name: str) -> tuple[nn.Module, nn.Module]:
    build = PROGRAMS[name][0]
    net, peer_net = build(ours), build(peer)
    net.load_state_dict(peer_net.state_dict(), strict=True)
    return net, peer_net


def gradients(net: nn.Module, outputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(7)
    net.zero_grad()
    sum((out * torch.randn(out.shape, generator=generator)).sum() for out in outputs).backward()
    return {("V" if "V" in name else name): p.grad for name, p in net.named_parameters() if p.grad is not None}


def read_me_program() -> str:
    """The first program of the description that the peer is published with."""
    text = metadata("snntorch").get_payload()
    program = re.search(r"code-block:: python\n\n((?:  .*\n|\s*\n)+)", text)
    assert program is not None
    return inspect.cleandoc("\n" + program.group(1))


def test_the_peers_read_me_program_runs_with_its_import_renamed() -> None:
    source = read_me_program()
    assert "import snntorch as snn" in source
    recordings = []
    for program in (source, source.replace("snntorch", "snn_core")):
        torch.manual_seed(5)
        names: dict[str, Any] = {}
        exec(program, names)
        outputs = [(torch.stack(names["spike_recording"]), names["state"])]
        # fresh weights and random input never reach the threshold, so the same net once more with louder weights
        with torch.no_grad():
            for parameter in names["net"].parameters():
                parameter.mul_(4)
        names["utils"].reset(names["net"])
        spikes, states = zip(*(names["net"](x) for x in names["data_in"]), strict=True)
        recordings.append([*outputs, (torch.stack(spikes), torch.stack(states))])
    expected, net = recordings
    assert 0 < float(expected[1][0].detach().mean()) < 1
    for (spk, mem), (their_spk, their_mem) in zip(net, expected, strict=True):
        assert torch.equal(spk, their_spk)
        assert_close(mem, their_mem, 1e-5, "state")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_net_gives_the_peers_outputs_and_gradients(name: str) -> None:
    _, run, shape = PROGRAMS[name]
    xs = 3 * spread(-0.3, 1.0, *shape)
    net, peer_net = pair(name)
    left, right = run(net, ours, xs), run(peer_net, peer, xs)
    assert len(left) == len(right)
    assert 0 < float((right[0] != 0).float().mean()) < 1
    for mine_out, theirs_out in zip(left, right, strict=True):
        assert_close(mine_out, theirs_out, 1e-5, "output")
    left_grads, right_grads = gradients(net, left), gradients(peer_net, right)
    assert left_grads.keys() == right_grads.keys()
    for key, grad in right_grads.items():
        assert_close(left_grads[key], grad, 1e-5 * max(float(grad.abs().max()), 1e-3), f"gradient of {key}")


@pytest.mark.parametrize("name", ["kept states", "dense Sequential", "convolutional Sequential", "own equations"])
def test_a_reset_makes_the_next_batch_independent_of_the_last(name: str) -> None:
    _, run, shape = PROGRAMS[name]
    own, peer_net = pair(name)
    for seed in (1, 2):
        xs = (1 + seed) * spread(-0.3, 1.0, *shape)
        for left, right in zip(run(own, ours, xs), run(peer_net, peer, xs), strict=True):
            assert_close(left, right, 1e-5, f"batch {seed}")
        # a backward pass per batch: nothing of the batch before may be in the graph
        for net, package in ((own, ours), (peer_net, peer)):
            sum(out.sum() for out in run(net, package, xs)).backward()


@pytest.mark.parametrize(
    "name", ["kept states", "dense Sequential", "convolutional Sequential", "own equations", "own forward"]
)
def test_unroll_gives_what_the_loop_over_the_peers_net_gives(name: str) -> None:
    _, run, shape = PROGRAMS[name]
    xs = 3 * spread(-0.3, 1.0, *shape)
    net, peer_net = pair(name)
    left, right = ours.unroll(net, xs), run(peer_net, peer, xs)
    for mine_out, theirs_out in zip(left, right, strict=True):
        assert_close(mine_out, theirs_out, 1e-5, "output")
    left_grads, right_grads = gradients(net, left), gradients(peer_net, right)
    for key, grad in right_grads.items():
        assert_close(left_grads[key], grad, 1e-5 * max(float(grad.abs().max()), 1e-3), f"gradient of {key}")


def test_the_kept_states_are_readable_under_the_peers_names() -> None:
    xs = 3 * spread(-0.3, 1.0, 9, 3, 7)
    net, peer_net = pair("dense Sequential")
    for x in xs:
        net(x)
        peer_net(x)
    for index, names in ((1, ["mem"]), (3, ["syn_exc", "syn_inh", "mem"]), (5, ["syn", "mem"])):
        for name in names:
            assert_close(getattr(net[index], name), getattr(peer_net[index], name), 1e-5, name)
