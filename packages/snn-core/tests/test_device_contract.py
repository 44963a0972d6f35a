"""For every neuron: all is made where the input is, in the dtype that autocast asks for, and may have no values."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call, jacrev
from torch.utils._pytree import tree_leaves

import accelerator
import snn_core as snn
from accelerator import OnlyOn

from .layers_on_devices import NETS, SURROGATES
from .test_whole_sequence_contract import listed
from .zoo import NEURONS, WHOLE, Case, close

every_neuron = pytest.mark.parametrize("case", NEURONS, ids=str)
WAYS: dict[str, dict[str, Any]] = {"layers": {}, "steps": {"schedule": "steps"}, "chunks": {"chunk": 2}}


@pytest.mark.exhaustive
@every_neuron
@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_a_sequence_and_its_gradient_stay_on_the_device_of_the_input(case: Case, options: dict[str, Any]) -> None:
    net = nn.Sequential(case.make(init_hidden=True, output=True)).to("meta")
    xs = case.input().to("meta").requires_grad_()
    with OnlyOn("meta"):
        spk, *states = case.outputs(snn.unroll(net, xs, **options))
        (spk.sum() + sum(s.sum() for s in tree_leaves(states))).backward()
    assert spk.shape == (len(xs), *(case.spk_shape or case.shape))
    assert all(getattr(net[0], name).is_meta for name in type(net[0]).State._fields)


@every_neuron
def test_a_neuron_built_on_a_device_has_everything_there(case: Case) -> None:
    constants = {"beta": torch.linspace(0.3, 0.9, 5)} if "one beta a neuron" in case.name else {}
    with torch.device("meta"):
        neuron = case.make(**{key: value.to("meta") for key, value in constants.items()})
    assert {t.device.type for t in (*neuron.parameters(), *neuron.buffers())} == {"meta"}


@every_neuron
def test_a_net_runs_on_fake_tensors(case: Case) -> None:
    net, xs = nn.Sequential(case.make(init_hidden=True)), case.input()
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        fake = {name: mode.from_tensor(t) for name, t in (*net.named_parameters(), *net.named_buffers())}
        out = functional_call(Over(net), {f"net.{name}": t for name, t in fake.items()}, (mode.from_tensor(xs),))
    assert out.shape == (len(xs), *(case.spk_shape or case.shape))


@pytest.mark.parametrize("make", WHOLE.values(), ids=WHOLE)
def test_a_layer_over_sequences_stays_on_the_device_of_the_input(make) -> None:
    with torch.device("meta"):
        layer = make()
    xs = torch.zeros(9, 3, 5, device="meta", requires_grad=True)
    with OnlyOn("meta"):
        sum(o.sum() for o in listed(layer(xs))).backward()
    assert {t.device.type for t in (*layer.parameters(), *layer.buffers())} == {"meta"}


class Over(nn.Module):
    """A net over a sequence."""

    def __init__(self, net: nn.Module, **options: Any) -> None:
        super().__init__()
        self.net = net
        self.how = options

    def forward(self, xs: Tensor) -> Any:
        return snn.unroll(self.net, xs, **self.how)


@pytest.mark.parametrize("make", WHOLE.values(), ids=WHOLE)
def test_a_layer_over_sequences_takes_parameters_from_outside(make) -> None:
    torch.manual_seed(0)
    layer = make().double()
    xs = torch.randn(4, 3, 5, dtype=torch.float64)
    parameters = {name: 0.5 * p.detach() for name, p in layer.named_parameters()}
    ours = functional_call(layer, parameters, (xs,))
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            parameter.copy_(parameters[name])
    close(listed(ours), listed(layer(xs)))


@every_neuron
def test_the_jacobian_of_parameters_given_from_outside_is_that_of_autograd(case: Case) -> None:
    over, xs = Over(nn.Sequential(case.make(init_hidden=True, output=True, learn_threshold=True))), case.input(3)
    parameters = {name: p.detach() for name, p in over.named_parameters()}

    def last_states(*values: Tensor) -> Tensor:
        _, *states = case.outputs(functional_call(over, dict(zip(parameters, values, strict=True)), (xs,)))
        return torch.stack([s[-1].sum() for s in tree_leaves(states)])

    every = tuple(range(len(parameters)))
    ours = jacrev(last_states, argnums=every)(*parameters.values())
    close(ours, torch.autograd.functional.jacobian(last_states, tuple(parameters.values())))


@every_neuron
@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_under_autocast_spikes_keep_the_dtype_of_the_layer_before_and_states_are_float32(
    case: Case, options: dict[str, Any]
) -> None:
    torch.manual_seed(0)
    size = case.input()[0, 0].numel()
    layers = nn.Flatten(1), nn.Linear(size, size), nn.Unflatten(1, case.shape[1:])
    net, xs = nn.Sequential(*layers, case.make(init_hidden=True).float()), case.input(dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        spk = snn.unroll(net, xs, **options)
        expected = snn.unroll(net, xs, schedule="steps")
    assert spk.dtype == case.spike_dtype(torch.bfloat16)
    assert {getattr(net[-1], name).dtype for name in net[-1].State._fields} == {torch.float32}
    assert (spk != expected).float().mean() < 0.01
    spk.float().sum().backward()
    assert net[1].weight.grad.dtype == torch.float32
    assert net[1].weight.grad.isfinite().all()


@pytest.mark.exhaustive
@every_neuron
@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_samples_that_end_make_nothing_wait_for_the_device(case: Case, options: dict[str, Any]) -> None:
    net = nn.Sequential(case.make(init_hidden=True, output=True)).to("meta")
    xs = case.input().to("meta").requires_grad_()
    spk, *states = case.outputs(snn.unroll(net, xs, lengths=[5, 0, 3], **options))
    (spk.sum() + sum(s.sum() for s in tree_leaves(states))).backward()
    assert spk.shape == (7, *(case.spk_shape or case.shape))


@pytest.mark.exhaustive
@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("lengths", [None, [7, 3, 7]], ids=["all steps", "lengths"])
@pytest.mark.parametrize("name", NETS)
def test_a_net_and_its_gradient_stay_on_the_device(name: str, lengths: Any, options: dict[str, Any]) -> None:
    net, xs = NETS[name]().to("meta"), torch.rand(7, 3, 5, device="meta", requires_grad=True)
    with OnlyOn("meta") if lengths is None else nullcontext():  # lengths are those of the CPU
        out = snn.unroll(net, xs, lengths=lengths, **options)
        sum(o.sum() for o in listed(out)).backward()
    assert xs.grad is not None


@pytest.mark.parametrize("name", SURROGATES)
def test_a_surrogate_stays_on_the_device(name: str) -> None:
    x = torch.rand(3, 5, device="meta", requires_grad=True)
    with OnlyOn("meta"):
        spk = SURROGATES[name](x)
        if spk.requires_grad:
            spk.sum().backward()
    assert spk.is_meta


@every_neuron
@pytest.mark.parametrize("where", ["net", "xs"])
def test_a_net_on_another_device_than_its_input_runs_or_names_both(case: Case, where: str) -> None:
    net, xs = nn.Sequential(case.make(init_hidden=True)), case.input()
    net, xs = (net.to("meta"), xs) if where == "net" else (net, xs.to("meta"))
    try:
        spk = snn.unroll(net, xs)
    except RuntimeError as error:
        (note,) = error.__notes__
        other = "meta" if where == "net" else "cpu"
        assert re.fullmatch(rf"xs is on {xs.device}, '0\.\w[\w.]*' of the net on {other}: move one to the other", note)
    else:
        assert spk.device == xs.device
        assert where == "xs"
        numbers = all(t.numel() <= 1 for t in (*net.parameters(), *net.buffers()))
        assert numbers or any(kind in case.name for kind in ("conv", "psn"))  # on meta a convolution takes all weights


@pytest.mark.exhaustive
def test_on_an_accelerator(pytestconfig: pytest.Config) -> None:
    accelerator.run(pytestconfig, Path(__file__).with_name("accelerated.py"))
