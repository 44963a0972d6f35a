"""States go into a run of a net and come out of it; what the modules keep is set once, at the end."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import snn_core as snn
from snn_core.graph.folding import Folding, folding_of
from snn_core.neuron.turns import Holding, States
from snn_core.sequence.execution import in_order
from snn_core.sequence.loop import Ran, in_chunks, steps

XS = 3 * torch.rand(6, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def stack() -> nn.Sequential:
    layers = nn.Linear(5, 4), snn.Synaptic(0.7, 0.9, init_hidden=True), snn.DelayedLinear(4, 4, max_delay=2)
    norm = snn.BatchNormTT1d(4, 6)
    return nn.Sequential(*layers, norm, snn.RLeaky(0.8, linear_features=4, init_hidden=True)).double().eval()


def at_rest(net: nn.Module) -> States:
    return dict.fromkeys(m for m in net.modules() if hasattr(m, "_kept"))


def tensors(ran: Ran) -> list[Tensor]:
    return [ran.out, *(torch.as_tensor(leaf) for leaf in tree_leaves([*ran.states.values()]))]


def planned(net: nn.Sequential, *args: Any) -> Ran:
    return in_order(net, [*net.named_children()], {}).run(net, *args)


@pytest.mark.parametrize("lengths", [None, [6, 2, 4]])
@pytest.mark.parametrize("chunk", [None, 1, 4])
def test_a_plan_gives_the_outputs_and_states_of_the_loop_and_leaves_what_is_kept(chunk: Any, lengths: Any) -> None:
    net = stack()
    snn.unroll(net, XS.flip(0))
    before = {module: module._kept for module in at_rest(net)}
    folding = Folding(6) if lengths is None else folding_of(lengths, XS)
    runs = [in_chunks(run, net, XS, folding, at_rest(net), chunk) for run in (planned, steps)]
    again = in_chunks(planned, net, XS, folding, at_rest(net), chunk)
    torch.testing.assert_close(*map(tensors, runs))
    torch.testing.assert_close(tensors(again), tensors(runs[0]), rtol=0, atol=0)
    assert all(module._kept is state for module, state in before.items())


def test_a_plan_is_the_same_object_with_the_same_attributes_after_a_run() -> None:
    net = nn.Sequential(nn.Linear(5, 4), snn.Leaky(0.9, init_hidden=True)).double()
    plan = in_order(net, [*net.named_children()], {})
    before = dict(vars(plan))
    ran = plan.run(net, XS[:1].expand(6, 3, 5), Folding(6), at_rest(net))
    assert (set(ran.products), ran.once) == ({"0"}, {"0"})
    assert vars(plan) == before


def test_modules_hold_states_within_a_block_and_keep_theirs_after_an_error() -> None:
    lif = snn.Leaky(1.0, reset_mechanism="none", init_hidden=True)
    lif(torch.ones(1, 2))
    before = lif._kept
    with Holding({lif: lif.State(torch.full((1, 2), 5.0))}) as after:
        lif(torch.ones(1, 2))
    assert after[lif].mem.tolist() == [[6.0, 6.0]]
    with pytest.raises(TypeError, match="takes a tensor, got list"), Holding({lif: None}) as nothing:
        lif([1.0])
    assert nothing == {}
    assert lif._kept is before


def test_a_stream_does_not_wait_for_layers_that_another_thread_unrolls() -> None:
    net = nn.Sequential(nn.Linear(5, 4), snn.Leaky(0.9, init_hidden=True)).double()
    expected, inside, go_on = snn.unroll(net, XS).detach(), threading.Event(), threading.Event()
    last, results = net[1].mem.detach(), []

    def waits(tensor: Tensor) -> Tensor:
        inside.set()
        assert go_on.wait(60)
        return tensor

    def unrolls() -> None:
        with torch.autograd.graph.saved_tensors_hooks(waits, lambda tensor: tensor):
            snn.unroll(net, XS)

    def streams() -> None:
        run = snn.stream(net)
        results.extend(run(x).clone() for x in XS)

    threads = [threading.Thread(target=work) for work in (unrolls, streams)]
    threads[0].start()
    assert inside.wait(60)
    threads[1].start()
    threads[1].join(20)
    arrived = not threads[1].is_alive()
    go_on.set()
    for thread in threads:
        thread.join()
    assert arrived
    torch.testing.assert_close(torch.stack(results), expected)
    torch.testing.assert_close(net[1].mem.detach(), last)


def test_an_error_in_a_plan_leaves_the_states_before_it() -> None:
    net = nn.Sequential(snn.Leaky(0.9, init_hidden=True), nn.Linear(5, 4)).double()
    snn.unroll(net, XS)
    before = net[0]._kept
    with pytest.raises(RuntimeError):
        snn.unroll(net, XS[..., :3])
    assert net[0]._kept is before
