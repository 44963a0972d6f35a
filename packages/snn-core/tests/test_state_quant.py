"""Functions applied to a neuron's states may be exchanged or removed again; counters and spikes stay as they are."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

from .stepped_programs import stepped
from .zoo import step_loop


class Resting(snn.Refractory, snn.Leaky):
    class State(NamedTuple):
        wait: Tensor
        mem: Tensor


class RestingAndRecurrent(snn.Recurrent, snn.Refractory, snn.Leaky):
    class State(NamedTuple):
        spk: Tensor
        wait: Tensor
        mem: Tensor

    def __init__(self, V, **options):
        super().__init__(**options)
        self.connect(V, all_to_all=False, max_delay=3, delay=2.0)


class Rounded(nn.Module):
    """A module with a step of its own, as a learned quantizer has."""

    def __init__(self):
        super().__init__()
        self.step = nn.Parameter(torch.tensor(0.5))

    def forward(self, state):
        return (state / self.step).round() * self.step


def membrane(neuron):
    neuron.reset_mem()
    return neuron(torch.tensor([0.7]))[1].item()


@pytest.mark.parametrize("without", [False, None])
def test_a_module_gives_way_to_nothing_and_to_a_function(without):
    neuron = snn.Leaky(beta=0.5, init_hidden=True, output=True, state_quant=Rounded())
    assert membrane(neuron) == 0.5
    assert [name for name, _ in neuron.named_parameters()] == ["state_quant.step"]
    neuron.state_quant = without
    assert membrane(neuron) == pytest.approx(0.7)
    assert not list(neuron.parameters())
    assert not neuron.state_quant
    neuron.state_quant = torch.ceil
    assert membrane(neuron) == 1
    neuron.state_quant = Rounded()
    assert membrane(neuron) == 0.5
    assert "state_quant.step" in neuron.state_dict()


def test_an_invalid_call_is_refused_and_changes_nothing():
    quantizer = Rounded()
    neuron = snn.Leaky(beta=0.5, init_hidden=True, output=True, state_quant=quantizer)
    with pytest.raises(TypeError, match="Leaky: state_quant must be a function or False, got 4"):
        neuron.state_quant = 4
    assert neuron.state_quant is quantizer


@pytest.mark.compiles
def test_a_neuron_without_its_module_compiles():
    neuron = snn.Leaky(beta=0.5, init_hidden=True, output=True, state_quant=Rounded())
    neuron.state_quant = False
    compiled = torch.compile(neuron, backend="eager", fullgraph=True)
    assert compiled(torch.tensor([0.7]))[1].item() == pytest.approx(0.7)


def by_program(neuron, xs):
    with stepped() as engine:
        outputs = neuron.unroll(xs)
    assert engine.calls == ["forward"]
    return outputs


NEURONS = {
    "refractory": lambda **o: Resting(beta=0.5, refractory_period=5, **o),
    "recurrent": lambda **o: snn.RLeaky(0.5, V=0.25, all_to_all=False, max_delay=3, delay=1.0, **o),
    "both": lambda **o: RestingAndRecurrent(V=0.25, beta=0.5, refractory_period=5, **o),
}
RUNS = {
    "loop": step_loop,
    "unroll": lambda neuron, xs: neuron.unroll(xs),
    "program": by_program,
}


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", NEURONS)
def test_a_limit_that_no_membrane_reaches_changes_nothing(name, run):
    xs = 0.2 + torch.rand(40, 3, 5, generator=torch.Generator().manual_seed(0))
    options = {"graded_spikes_factor": 4.0, "reset_mechanism": "zero"}
    spk, states = NEURONS[name](**options).unroll(xs, trace=True)
    assert [field for field, s in states._asdict().items() if s.max() < 3.5] == ["mem"]
    outputs, last = RUNS[run](NEURONS[name](state_quant=lambda s: s.clamp(-3.5, 3.5), **options), xs)
    assert torch.equal(outputs, spk)
    assert all(torch.equal(a, b[-1]) for a, b in zip(last, states, strict=True))


def test_a_neuron_with_few_levels_rests_as_long_as_it_should():
    neuron = NEURONS["refractory"](state_quant=lambda s: (s.clamp(-1, 1.2) * 128).round() / 128)
    spk, _ = neuron.unroll(torch.full((20, 1), 1.5))
    assert spk.flatten().nonzero().flatten().tolist() == [0, 6, 12, 18]
