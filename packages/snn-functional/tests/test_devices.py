"""Everything is made where the recording is, and no step of training waits for the device that it is on."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

import accelerator
import snn_core as snn
import snn_functional as SF
from accelerator import OnlyOn
from snn_functional import backprop, online, quant

from . import bad_plasticity
from .bad_recordings import EVERY, SPK, TARGETS
from .learners import LEARNERS, make_net, sequence, step
from .monitored import MONITORS
from .monitored import make_net as monitored_net
from .online_layers import NEURONS, pair
from .test_bad_input import public

# Why these are left out: what they return, or decide by, is a number of Python, for which the device has to be waited.
NUMBERS = {
    "accuracy_rate": "returns a number",
    "accuracy_temporal": "returns a number",
    "accuracy_membrane": "returns a number",
    "sparsity": "returns a number",
    "synops": "returns Python's integers, which do not overflow",
    "SynopsMonitor": "counts in Python's integers, which do not overflow",
    "diagnose": "returns a text with numbers in it",
    "summary": "returns numbers, as a table",
    "energy": "returns numbers, as a table",
    "early_exit": "asks once a comparison which samples have stopped",
    "fit": "returns numbers, as a table, and stops at a loss that is not finite",
    "baselines": "returns numbers, as a table",
    "SpikingClassifier": "takes and returns arrays",
    "SpikingRegressor": "takes and returns arrays",
    "from_ann": "returns numbers, as a table, and traces a net",
    "QCFS": "traces a net, to make one of it",
    "neurobench": "makes a model for another library",
    "integer": "makes a net of integers, whose sizes it checks",
    "IntegerNet": "is made by integer",
    "RTRL": "asks once a call whether neurons are independent, as RTRLLayer does",
}
# These hold, or compute with, no tensor.
WITHOUT_TENSORS = {
    "LossFunctions",
    "BaseMonitor",
    "unpack_len1_tuple",
    "synops_energy",
    "SynapticOperations",
    "SynopsCount",
    "CostModel",
    "Limits",
    "Finding",
    "Diagnosis",
    "Layer",
}


def there(values: Any) -> Any:
    """Move what is on the CPU to another device."""
    return tree_map_only(Tensor, lambda tensor: tensor.detach().to("meta").requires_grad_(tensor.requires_grad), values)


EACH = {"time_var_targets": True}
KINDS = (
    SF.ce_rate_loss,
    SF.ce_count_loss,
    SF.ce_max_membrane_loss,
    SF.mse_count_loss,
    SF.mse_membrane_loss,
    SF.mse_temporal_loss,
    SF.ce_temporal_loss,
)
LOSSES: dict[str, tuple[Any, Tensor]] = {
    **{kind.__name__: (kind(), TARGETS) for kind in KINDS},
    **{f"{kind.__name__} weighted": (kind(weight=[1.0, 2.0, 3.0, 4.0]), TARGETS) for kind in KINDS},
    "tet_loss": (SF.tet_loss(), TARGETS),
    "ce_rate_loss smoothed": (SF.ce_rate_loss(weight=[1.0, 2.0, 3.0, 4.0], label_smoothing=0.1), TARGETS),
    "mse_count_loss of a population": (SF.mse_count_loss(population_code=True, num_classes=2), TARGETS % 2),
    "mse_membrane_loss of labels in time": (SF.mse_membrane_loss(**EACH), TARGETS.repeat(7, 1)),
    "mse_membrane_loss of membranes": (SF.mse_membrane_loss(**EACH), SPK),
    "mse_temporal_loss of times": (SF.mse_temporal_loss(target_is_time=True), SPK[0]),
    "mse_temporal_loss of spikes": (SF.mse_temporal_loss(False, [0, 1], [-1, -1], multi_spike=True), TARGETS),
}
STEPS = {"all steps": {}, "lengths": {"lengths": TARGETS + 1}, "mask": {"mask": EVERY}}
with_steps = pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)


@with_steps
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_and_its_gradient_stay_on_the_device(name: str, steps: dict[str, Any]) -> None:
    loss, targets = LOSSES[name]
    spk_out, targets, steps = there((SPK.clone().requires_grad_(), targets, steps))
    loss(spk_out, targets, **steps)  # which copies the constants there
    with OnlyOn("meta"):
        loss(spk_out, targets, **steps).backward()


@with_steps
def test_a_penalty_and_its_gradient_stay_on_the_device(steps: dict[str, Any]) -> None:
    spk_out, steps = there((SPK.clone().requires_grad_(), steps))
    with OnlyOn("meta"):
        SF.l1_rate_sparsity(0.1)(spk_out, **steps).backward()


def test_the_activity_of_a_net_and_its_gradients_stay_on_the_device() -> None:
    net, xs = copy.deepcopy(NET).to("meta"), SPK.to("meta")
    with OnlyOn("meta"), SF.Activity(net) as activity:
        snn.unroll(net, xs)
    with OnlyOn("meta"):
        (SF.rate_band_loss()(activity) + activity.synops).backward()


@with_steps
@pytest.mark.parametrize("name", ["firing_rate", "dead_neurons", "saturated_neurons"])
def test_statistics_stay_on_the_device(name: str, steps: dict[str, Any]) -> None:
    spk, steps = there((SPK, steps))
    with OnlyOn("meta"):
        assert getattr(SF, name)(spk, **steps).shape == (4,)


def test_lengths_in_a_list_are_checked_before_they_are_copied() -> None:
    spk_out, targets = there((SPK, TARGETS))
    assert SF.ce_count_loss()(spk_out, targets, lengths=[1, 7, 3]).is_meta
    with pytest.raises(ValueError, match=r"lengths must be in .*, got 8"):
        SF.ce_count_loss()(spk_out, targets, lengths=[1, 8, 3])


NET = nn.Sequential(nn.Linear(4, 3), snn.RLeaky(0.9, linear_features=3, init_hidden=True))
LENGTHS = TARGETS + 1
MADE = {
    "summary": lambda: torch.tensor([row.rate or 0 for row in SF.summary(NET, SPK).layers], device="cpu"),
    "energy": lambda: torch.tensor(SF.energy(NET, SPK, lengths=LENGTHS).samples, device="cpu"),
    "early_exit": lambda: SF.early_exit(NET, SPK, 2, every=2, lengths=LENGTHS).scores,
    "ce_count_loss": lambda: SF.ce_count_loss(weight=[1.0, 2.0, 3.0, 4.0])(SPK, TARGETS, lengths=[1, 7, 3]),
    "mse_count_loss": lambda: SF.mse_count_loss()(SPK, TARGETS),
    "mse_temporal_loss": lambda: SF.mse_temporal_loss(False, [0, 1], [-1, -2], multi_spike=True)(SPK, TARGETS),
    "state_quant": lambda: quant.state_quant(3, uniform=False)(SPK),
    "fixed_point": lambda: quant.fixed_point()(SPK),
    "diagnose": lambda: torch.tensor([row.gradient or 0 for row in SF.diagnose(NET, SPK).layers], device="cpu"),
    "diagnose with labels": lambda: torch.tensor(SF.diagnose(NET, SPK, TARGETS % 3).ok, device="cpu"),
    "accuracy_temporal": lambda: torch.tensor(SF.accuracy_temporal(SPK, TARGETS), device="cpu"),
}


@pytest.mark.parametrize("name", MADE)
def test_the_default_device_does_not_matter(name: str) -> None:
    expected = MADE[name]()
    with torch.device("meta"):
        result = MADE[name]()
    assert torch.equal(result, expected)


QUANTIZERS = {
    "state_quant": quant.state_quant(4),
    "state_quant geometric": quant.state_quant(4, uniform=False),
    "weight_quant": quant.weight_quant(4),
    "weight_quant of a power of two": quant.weight_quant(4, power_of_two=True, channel_axis=0),
    "weight_quant of fixed bits": quant.weight_quant(4, fraction_bits=3),
    "fixed_point": quant.fixed_point(),
    "fixed_point in integers": quant.fixed_point().integers,
    "StateQuant": lambda x: quant.StateQuant.apply(x, torch.linspace(0, 1, 5, device=x.device)),
}


@pytest.mark.parametrize("name", QUANTIZERS)
def test_a_quantizer_stays_on_the_device(name: str) -> None:
    x = torch.rand(3, 4, device="meta", requires_grad=True)
    QUANTIZERS[name](x)  # which copies the levels there
    with OnlyOn("meta"):
        out = QUANTIZERS[name](x)
        assert out.is_meta
        if out.requires_grad:
            out.sum().backward()


@pytest.mark.parametrize("name", NEURONS)
def test_an_online_layer_learns_on_the_device(name: str) -> None:
    _, layer = pair(name)
    layer, xs = layer.to("meta"), torch.rand(3, 2, 3, dtype=torch.float64, device="meta")
    with OnlyOn("meta"):
        for x in xs:
            out = layer(x)
            (out if isinstance(out, Tensor) else out[0]).sum().backward()


def test_a_layer_of_eprop_learns_on_the_device() -> None:
    layer = online.EPropLayer(nn.Linear(3, 4), snn.RLeaky(0.9, linear_features=4, init_hidden=True)).to("meta")
    feedback = online.RandomFeedbackLinear(4, 2).to("meta")
    with OnlyOn("meta"):
        for x in torch.rand(3, 2, 3, device="meta"):
            feedback(layer(x)).sum().backward()


RULES = [name for name in bad_plasticity.CASES if name.endswith("_step") or name == "eligibility_trace"]


@pytest.mark.parametrize("name", RULES)
def test_a_rule_of_plasticity_stays_on_the_device(name: str) -> None:
    case = bad_plasticity.CASES[name]
    right = {k: copy.deepcopy(v).to("meta") if isinstance(v, nn.Module) else v for k, v in case.right().items()}
    right = there(right)
    with OnlyOn("meta"):
        case.call(**right)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_learns_on_the_device(name: str) -> None:
    net, xs = make_net().to("meta"), sequence().to("meta")
    learner = LEARNERS[name](net[0], net[1])
    with OnlyOn("meta"):
        snn.unroll(net, xs)
        step(learner)


@pytest.mark.parametrize("name", MONITORS)
def test_a_monitor_records_on_the_device(name: str) -> None:
    net = monitored_net().to("meta")
    with OnlyOn("meta"), MONITORS[name](net, snn.Leaky) as monitor:
        snn.unroll(net, torch.rand(3, 2, 5, device="meta", requires_grad=True), schedule="steps").sum().backward()
    assert monitor.records


@pytest.mark.parametrize("train", [backprop.BPTT, lambda *args, **options: backprop.TBPTT(*args, **options, K=2)])
@pytest.mark.parametrize("lengths", [(), (torch.tensor([7, 3, 5]),)], ids=["all steps", "lengths"])
def test_an_epoch_stays_on_the_device(train: Any, lengths: tuple[Tensor, ...]) -> None:
    net = monitored_net().to("meta")
    batches = [(torch.rand(7, 3, 5), torch.tensor([0, 2, 1]), *lengths)]
    loss = train(net, batches, torch.optim.SGD(net.parameters()), SF.ce_count_loss(), device="meta")
    assert loss.is_meta


def test_every_public_name_is_tried_on_a_device_or_needs_none() -> None:
    tried = {*vars(SF.loss), *QUANTIZERS, *RULES, *LEARNERS, *MONITORS, "l1_rate_sparsity", "BPTT", "TBPTT"}
    tried |= {"Activity", "rate_band_loss"}
    tried |= {"firing_rate", "dead_neurons", "saturated_neurons", "RTRLLayer", "EPropLayer", "RandomFeedbackLinear"}
    assert set(public()) <= tried | NUMBERS.keys() | WITHOUT_TENSORS


def test_checking_that_neurons_are_independent_moves_no_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    states = [torch.tensor([1], dtype=torch.uint8)]
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: [states[-1]])
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", lambda restored: states.extend(restored))
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: states.append(torch.zeros(1, dtype=torch.uint8)))
    synapse, neuron = nn.Linear(3, 4), snn.Leaky(0.9, init_hidden=True, spike_grad=snn.surrogate.SSO())
    before = torch.get_rng_state()
    online.RTRLLayer(synapse, neuron)
    assert torch.equal(torch.get_rng_state(), before)
    assert len(states) > 1
    assert states[-1] is states[0]


@pytest.mark.exhaustive
def test_on_an_accelerator(pytestconfig: pytest.Config) -> None:
    accelerator.run(pytestconfig, Path(__file__).with_name("accelerated.py"))


@pytest.fixture
def checks_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU does what an accelerator does, so that what that would say is an error here."""
    for name, module in list(sys.modules.items()):
        if name.startswith("snn_functional.") and hasattr(module, "answers_at_once"):
            monkeypatch.setattr(module, "answers_at_once", lambda values: False)


@with_steps
@pytest.mark.parametrize("name", LOSSES)
def test_a_device_that_checks_by_itself_gives_the_same(
    name: str, steps: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    loss, targets = LOSSES[name]
    expected = loss(SPK, targets, **steps)
    request.getfixturevalue("checks_itself")
    assert torch.equal(loss(SPK, targets, **steps), expected)


WRONG = {
    "label": (
        lambda: SF.ce_count_loss()(SPK, TARGETS + 1),
        r"targets must be in \[0, 3\] with 4 classes",
    ),
    "negative label": (lambda: SF.accuracy_rate(SPK, TARGETS - 1), r"targets must be in \[0, 3\] with 4 classes"),
    "length": (
        lambda: SF.ce_count_loss()(SPK, TARGETS, lengths=TARGETS),
        r"lengths must be in \[1, 7\] with 7 steps",
    ),
    "mask": (
        lambda: SF.ce_count_loss()(SPK, TARGETS, mask=EVERY & (TARGETS > 0)),
        "mask leaves a sample without a step",
    ),
    "time": (
        lambda: SF.mse_temporal_loss(True)(SPK, SPK[0] - 9),
        "targets must be at least -7 with 7 steps",
    ),
    "rate": (lambda: SF.firing_rate(SPK * torch.nan), "spk contains NaN"),
    "level": (lambda: quant.StateQuant.apply(SPK, SPK[0, 0] / 0), "levels must be finite"),
    "integer": (lambda: quant.fixed_point().integers(SPK * torch.nan), "x contains NaN"),
}


@pytest.mark.usefixtures("checks_itself")
@pytest.mark.parametrize("name", WRONG)
def test_a_device_that_checks_by_itself_reports_the_error(name: str) -> None:
    call, message = WRONG[name]
    with pytest.raises(RuntimeError, match=message):
        call()
