"""A neuron whose decays are kept in a range is copied, pickled, saved and loaded as any other."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

from .test_learned_decays import DECAYS, WITHIN, every_decay, neuron, raw
from .zoo import close


def deepcopied(net: nn.Module) -> Any:
    return copy.deepcopy(net)


def copied(net: nn.Module) -> Any:
    return copy.copy(net)


def saved(net: nn.Module) -> Any:
    file = io.BytesIO()
    torch.save(net, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


PICKLES = {f"pickle {i}": lambda net, i=i: pickle.loads(pickle.dumps(net, i)) for i in range(pickle.HIGHEST_PROTOCOL)}


@pytest.mark.parametrize("duplicate", [deepcopied, copied, saved, *PICKLES.values()])
@every_decay
def test_a_copy_is_the_same_neuron_and_goes_on_learning(kind: str, duplicate: Callable[..., Any]) -> None:
    name = WITHIN[kind][1]
    module = neuron(kind, "bounded")
    twin = duplicate(module)
    assert repr(twin) == repr(module)
    assert isinstance(twin, type(neuron(kind, True)))
    xs = 2 * torch.rand(6, 3, 5, dtype=torch.float64)
    spk, states = twin.unroll(xs)
    close((spk, states), module.unroll(xs))
    (spk.sum() + states.mem.sum()).backward()
    assert (raw(twin, name).grad != 0).any()
    assert twin.state_dict().keys() == module.state_dict().keys()
    twin.load_state_dict(module.state_dict(), strict=True)


@pytest.mark.parametrize("duplicate", [deepcopied, saved])
def test_a_copy_is_independent_of_its_original(duplicate: Callable[..., Any]) -> None:
    module = neuron("Leaky", "bounded", threshold=0.5)
    twin = snn.bounded(duplicate(module), "threshold", high=2)
    with torch.no_grad():
        raw(twin, "beta").zero_()
    assert module.threshold.item() == 0.5
    close(module.beta, DECAYS)
    assert (twin.beta == 0.5).all()


def test_copies_keep_what_parts_share_hooks_and_several_ranges() -> None:
    net = nn.Sequential(*2 * [snn.AdLIF.random(3, init_hidden=True)])
    net[0].register_forward_hook(_doubled)
    net[0].owner = SimpleNamespace(neuron=net[0])
    xs = torch.rand(5, 2, 3)
    for twin in (copy.deepcopy(net), saved(net)):
        assert twin[0] is twin[1]
        assert twin[0].owner.neuron is twin[0]
        assert repr(twin) == repr(net)
        close(twin(xs[0]), net(xs[0]))
        snn.utils.reset(net[0])


def _doubled(module: nn.Module, args: Any, out: Tensor) -> Tensor:
    return 2 * out


class Steep(nn.Module):
    """Someone's own parametrization."""

    def forward(self, x: Tensor) -> Tensor:
        return x**2


def test_a_neuron_with_a_parametrization_of_one_s_own_is_pickled_too() -> None:
    module = snn.Leaky(0.5, learn_threshold=True)
    nn.utils.parametrize.register_parametrization(module, "threshold", Steep())
    with torch.no_grad():
        raw(module, "threshold").fill_(3.0)
    for twin in (copy.deepcopy(module), saved(module)):
        assert twin.threshold.item() == 9


def net(learn: Any, **options: Any) -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 5), snn.ALIF(0.5, 0.75, learn_beta=learn, learn_rho=True, **options))


def test_the_plain_option_is_saved_as_before_and_a_range_under_torch_s_name() -> None:
    assert {n for n, _ in net(True).named_parameters()} == {"0.weight", "0.bias", "1.beta", "1.rho"}
    parameters = {n for n, _ in net("bounded").named_parameters()}
    assert parameters == {"0.weight", "0.bias", "1.parametrizations.beta.original", "1.rho"}


def test_a_state_dict_of_the_other_option_is_refused_with_the_remedy() -> None:
    plain, within = net(True), net("bounded")
    with pytest.raises(RuntimeError, match=r"'1\.beta' is kept in a range in the file .* or build .*'bounded'"):
        plain.load_state_dict(within.state_dict())
    with pytest.raises(RuntimeError, match=r"'1\.beta' is kept in a range in the net .*, and then call snn\.bounded"):
        within.load_state_dict(plain.state_dict())
    with pytest.raises(RuntimeError, match=r"'1\.beta' is kept in a range in the net"):
        within.load_state_dict(plain.state_dict(), strict=False)  # or its decay would stay as it is, unnoticed
    # and what the messages say works
    copy.deepcopy(plain)[1].load_state_dict(plain[1].state_dict())
    snn.bounded(plain[1], "beta").load_state_dict(within[1].state_dict(), strict=True)


def test_a_file_comes_back_and_one_of_the_other_option_is_refused(tmp_path) -> None:
    plain, within = net(True), net("bounded")
    with torch.no_grad():
        raw(within[1], "beta").fill_(1.5)
    snn.save(tmp_path / "within", within)
    snn.save(tmp_path / "plain", plain)
    other = net("bounded")
    snn.load(tmp_path / "within", other)
    assert torch.equal(other[1].beta, within[1].beta)
    with pytest.raises(ValueError, match=r"'1\.beta' is kept in a range in the file and not in the net"):
        snn.load(tmp_path / "within", plain)
    with pytest.raises(ValueError, match=r"'1\.beta' is kept in a range in the net and not in the file"):
        snn.load(tmp_path / "plain", within)
