"""``utils.reset`` and ``utils.detach``: every neuron of the net that is given, and no other."""

from __future__ import annotations

import copy
import warnings
from itertools import product

import pytest
import torch
from torch import nn

import snn_core as snn


def lif(**options) -> snn.Leaky:
    return snn.Leaky(beta=0.9, init_hidden=True, **options)


class Holder(nn.Module):
    """Neurons in every kind of container that a module knows."""

    def __init__(self) -> None:
        super().__init__()
        self.one = lif()
        self.deep = nn.Sequential(nn.Sequential(nn.Sequential(lif())))
        self.listed = nn.ModuleList([lif(), lif()])
        self.named = nn.ModuleDict({"a": lif()})
        self.shared = self.one

    def neurons(self) -> list[snn.Leaky]:
        return [m for m in self.modules() if isinstance(m, snn.Leaky)]


def started(net: nn.Module) -> list[snn.Leaky]:
    neurons = [m for m in net.modules() if isinstance(m, snn.Leaky)]
    for neuron in neurons:
        neuron(torch.ones(2, 3, requires_grad=True))
    return neurons


def test_reset_reaches_every_depth_and_container() -> None:
    net = Holder()
    assert len(started(net)) == 5
    snn.utils.reset(net)
    assert all(n.mem.shape == (0,) for n in net.neurons())


def test_detach_reaches_every_depth_and_keeps_the_values() -> None:
    net = Holder()
    neurons = started(net)
    assert all(n.mem.requires_grad for n in neurons)
    snn.utils.detach(net)
    assert not any(n.mem.requires_grad for n in neurons)
    assert all(n.mem.tolist() == [[1.0] * 3] * 2 for n in neurons)


def test_the_module_passed_is_included() -> None:
    neuron = lif()
    started(neuron)
    snn.utils.detach(neuron)
    assert not neuron.mem.requires_grad
    snn.utils.reset(neuron)
    assert neuron.mem.shape == (0,)


def test_other_nets_copies_and_originals_are_untouched() -> None:
    net = Holder()
    started(net)
    twin = copy.deepcopy(net)
    other = Holder()
    started(other)
    snn.utils.reset(net)
    for untouched in (twin, other):
        assert all(n.mem.shape == (2, 3) for n in untouched.neurons())
    assert all(n.mem.requires_grad for n in other.neurons())
    snn.utils.reset(twin)
    assert all(n.mem.shape == (0,) for n in twin.neurons())


def test_only_a_part_of_a_net_may_be_reset() -> None:
    net = Holder()
    started(net)
    snn.utils.reset(net.deep)
    assert net.one.mem.shape == (2, 3)
    assert net.deep[0][0][0].mem.shape == (0,)


def test_a_net_without_neurons_has_nothing_to_reset() -> None:
    snn.utils.reset(nn.Linear(2, 2))
    snn.utils.detach(nn.Sequential())


@pytest.mark.parametrize("act", [snn.utils.reset, snn.utils.detach])
def test_a_value_that_is_not_a_module_is_a_type_error(act) -> None:
    with pytest.raises(TypeError, match=r"utils\.(reset|detach).*nn\.Module.*list"):
        act([lif()])


OF_ALL = ["instances", "init"]
OF_A_CLASS = [*OF_ALL, "detach_hidden", "reset_hidden"]  # a neuron has methods of these names


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        *product([snn.SpikingNeuron, snn.Leaky, snn.LIF], OF_A_CLASS),
        *product([snn.Leaky(beta=0.5), snn.SLSTM(2, 3)], OF_ALL),
    ],
    ids=repr,
)
def test_class_wide_lists_of_neurons_do_not_exist_and_say_what_to_use(owner, name: str) -> None:
    remedy = "utils.detach" if name == "detach_hidden" else "utils.reset"
    with pytest.raises(AttributeError, match=remedy.replace(".", r"\.")):
        getattr(owner, name)
    assert not hasattr(owner, name)


@pytest.mark.parametrize(
    ("neuron", "method", "states"),
    [
        (snn.Leaky(0.9), "init_leaky", 1),
        (snn.RLeaky(0.9, linear_features=3), "init_rleaky", 2),
        (snn.Synaptic(0.9, 0.8), "init_synaptic", 2),
        (snn.RSynaptic(0.9, 0.8, linear_features=3), "init_rsynaptic", 3),
        (snn.Lapicque(0.9), "init_lapicque", 1),
        (snn.Alpha(0.9, 0.8), "init_alpha", 3),
        (snn.SLSTM(3, 3), "init_slstm", 2),
        (snn.SConv2dLSTM(2, 3, 3), "init_sconv2dlstm", 2),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_the_older_names_of_reset_mem_give_one_empty_tensor_a_state(neuron, method: str, states: int) -> None:
    empty = getattr(neuron, method)()
    empty = empty if isinstance(empty, tuple) else (empty,)
    assert [e.shape for e in empty] == [(0,)] * states
    x = torch.randn(2, 2, 5, 5) if method == "init_sconv2dlstm" else torch.randn(2, 3)
    from_empty = neuron(x, *empty)
    getattr(neuron, method)()
    from_nothing = neuron(x)
    for a, b in zip(from_empty, from_nothing, strict=True):
        assert torch.equal(a, b)


class Hiding(nn.Module):
    """A neuron that is registered, and others where PyTorch sees none."""

    def __init__(self, container: object) -> None:
        super().__init__()
        self.seen = lif()
        self.layers = container


@pytest.mark.parametrize(
    ("container", "kind", "remedy"),
    [
        ([lif(), lif()], "list", "nn.ModuleList"),
        ((nn.Sequential(nn.Linear(3, 3), lif()),), "tuple", "nn.ModuleList"),
        ({"a": [lif()]}, "dict", "nn.ModuleDict"),
    ],
)
def test_neurons_that_a_net_does_not_see_are_warned_of_once(container, kind: str, remedy: str) -> None:
    net = nn.Sequential(Hiding(container))
    with pytest.warns(UserWarning, match=rf"'0\.layers' is a {kind} with neurons, .*; make it an {remedy}"):
        snn.utils.reset(net)
    snn.utils.reset(net)


def test_unroll_warns_of_neurons_that_start_from_their_last_state() -> None:
    class Net(Hiding):
        def forward(self, x):
            return self.layers[0](self.seen(x))

    with pytest.warns(UserWarning, match="neither reset") as error:
        snn.unroll(Net([lif()]), torch.ones(3, 1, 2))
    assert error[0].filename == __file__


def test_containers_of_registered_neurons_and_other_things_give_no_warning() -> None:
    net = Hiding([])
    net.layers += [net.seen, nn.Linear(3, 3), "text", net.layers]
    net.order = {"seen": net.seen, 1: None}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        snn.utils.reset(net)
        snn.utils.detach(net)


class Behind(nn.Module):
    """A net whose own forward calls a sequence."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.inner = nn.Sequential(*layers)
        self.alias = layers[-1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


def twice(neuron: nn.Module, width: int = 3) -> list[nn.Module]:
    return [nn.Linear(3, 3), neuron, nn.Sequential(nn.Linear(3, width), nn.Sequential(neuron))]


REPEATED = {
    "in a sequence": (lambda neuron: nn.Sequential(*twice(neuron)), "'1' and '2.1.0'"),
    "behind a forward": (lambda neuron: Behind(*twice(neuron)), "'inner.1' and 'inner.2.1.0'"),
    "a block": (lambda neuron: nn.Sequential(*[nn.Sequential(nn.Linear(3, 3), neuron)] * 3), "'0.1' and '1.1'"),
}


@pytest.mark.parametrize(("make", "places"), REPEATED.values(), ids=REPEATED)
@pytest.mark.parametrize("first", [snn.utils.reset, lambda net: snn.unroll(net, torch.ones(4, 2, 3))])
def test_one_neuron_in_two_places_is_reported_once_for_each_net(make, places: str, first) -> None:
    net = make(lif())
    message = rf": {places} are the same Leaky, which keeps one state for both places; make one for each$"
    with pytest.warns(UserWarning, match=message) as warned:
        first(net)
    snn.utils.reset(net)
    assert [warning.filename for warning in warned] == [__file__]


def test_a_neuron_with_two_names_that_is_called_once_gives_no_warning() -> None:
    neuron = lif()
    net = Behind(nn.Linear(3, 3), neuron)
    net.second, net.branches = nn.Sequential(nn.Linear(3, 3), neuron), nn.ModuleList([neuron, neuron])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        snn.utils.reset(net)
        snn.unroll(net, torch.ones(4, 2, 3))


def test_one_neuron_for_two_widths_is_refused_with_the_remedy() -> None:
    net = nn.Sequential(*twice(lif(), width=5))
    remedy = r"before a new batch or sequence, and make a neuron for each place if the net has this one in two$"
    with pytest.raises(ValueError, match=remedy):
        net(torch.ones(2, 3))
    net[1].forget()
    net[:2](torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"before a new batch or sequence$"):
        net[:2](torch.ones(4, 3))  # another batch
