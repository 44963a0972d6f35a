"""Functions applied to a neuron's states may be exchanged or removed again."""

import pytest
import torch
from torch import nn

import snn_core as snn


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
