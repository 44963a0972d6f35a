"""Records of a net that is unrolled, in chunks, or run again in the backward pass: those of the plain loop."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import snn_core as snn
from snn_functional import probe

from .monitored import MONITORS, make_net, stacked


class Branching(nn.Sequential):
    """A net that cannot be traced."""

    def forward(self, input):
        return super().forward(input) if input.isfinite().all() else input


@pytest.mark.parametrize("options", [{}, {"chunk": 3}, {"chunk": 3, "truncate": True}, {"schedule": "steps"}])
@pytest.mark.parametrize("kind", MONITORS)
def test_an_unrolled_net_is_recorded_as_the_loop_is(kind, options):
    net, xs = make_net(), 3 * torch.rand(7, 2, 5)
    weights = torch.rand(7, 2, 3)

    def records(run):
        snn.utils.reset(net)
        with MONITORS[kind](net, snn.Leaky) as monitor:
            (run() * weights).sum().backward()
        return {name: stacked(monitor, name) for name in monitor.monitored_layers}

    def loop():
        outs = []
        for t, x in enumerate(xs):
            if options.get("truncate") and t and t % 3 == 0:
                snn.utils.detach(net)
            outs.append(net(x))
        return torch.stack(outs)

    expected, result = records(loop), records(lambda: snn.unroll(net, xs, **options))
    assert result.keys() == expected.keys() == {"1", "3"}
    for name, record in expected.items():
        assert len(record) == 7
        torch.testing.assert_close(result[name], record)
    assert not net[1]._forward_hooks
    assert not net[1]._forward_pre_hooks


@pytest.mark.parametrize("kind", MONITORS)
def test_steps_folded_into_the_batch_are_refused_unless_disabled(kind):
    net, xs = Branching(*make_net()), torch.rand(3, 2, 5)
    monitor = MONITORS[kind](net, snn.Leaky)
    message = r"records one time step at a time.*schedule='auto'"
    with pytest.raises((ValueError, RuntimeError), match=message):
        snn.unroll(net, xs, schedule="layers")
    monitor.disable()
    out = snn.unroll(net, xs, schedule="layers")
    monitor.enable()
    monitor.clear_recorded_data()
    out.sum().backward()
    assert monitor.records == []
    with pytest.raises(RuntimeError, match=message):
        snn.unroll(net, xs, schedule="layers")
    assert torch.equal(snn.unroll(net, xs), out)


def test_checkpointing_records_a_call_once():
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    monitors = [probe.OutputMonitor(net, nn.Linear), probe.InputMonitor(net, nn.ReLU)]
    monitors += [probe.AttributeMonitor("bias", pre, net, nn.Linear) for pre in (False, True)]
    monitors += [probe.GradOutputMonitor(net, nn.Linear)]
    checkpoint(net, torch.rand(2, 3, requires_grad=True), use_reentrant=False).sum().backward()
    assert [len(m.records) for m in monitors] == [1] * 5


@pytest.mark.usefixtures("fresh_compiler")
def test_a_compiled_net_is_recorded_as_the_net_is():
    net, xs = nn.Sequential(nn.Linear(3, 4), nn.ReLU()), torch.rand(4, 2, 3)
    monitors = [
        probe.OutputMonitor(net, nn.Linear),
        probe.InputMonitor(net, nn.ReLU),
        probe.AttributeMonitor("weight", False, net, nn.Linear),
    ]
    result = []
    for run in (net, torch.compile(net, backend="eager")):
        with torch.no_grad():
            for x in xs:
                run(x)
        result.append([torch.stack(monitor.records) for monitor in monitors])
        for monitor in monitors:
            monitor.clear_recorded_data()
    assert all(torch.equal(plain, compiled) for plain, compiled in zip(*result, strict=True))
    assert result[0][0].shape == (4, 2, 4)
