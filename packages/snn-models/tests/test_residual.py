"""Residual networks: parameters, connections of spikes, shortcuts, all steps at once."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from snn_core import Leaky, Synaptic, unroll
from snn_models import MSBlock, SEWBlock, ms_resnet, sew_resnet

from .comparison import assert_unroll_is_the_loop


def count(net):
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize("make", [sew_resnet, ms_resnet])
@pytest.mark.parametrize(
    ("depth", "options", "expected"),
    [
        # stem 3*16*9 + 32; stages 4672, 14528 and 57728, shortcuts included; dense 650
        (8, {}, 78_042),
        # the ordinary ResNet-18 for CIFAR-10, 11.17 M
        (18, {}, 11_173_962),
        # those of torchvision, 11.69 M and 21.80 M
        (18, {"stem": "imagenet", "num_classes": 1000}, 11_689_512),
        (34, {"stem": "imagenet", "num_classes": 1000}, 21_797_672),
    ],
)
def test_a_network_has_as_many_parameters_as_the_ordinary_one(make, depth, options, expected):
    assert count(make(depth, **options)) == expected + (make is ms_resnet and "stem" in options) * (64 * 64 + 128)


@pytest.mark.parametrize(
    ("connect", "expected"),
    # residual and shortcut are (0, 0), (0, 1), (1, 0), (1, 1)
    [("ADD", [0, 1, 1, 2]), ("AND", [0, 0, 0, 1]), ("IAND", [0, 1, 0, 0])],
)
def test_spikes_are_connected_as_in_the_table_of_the_paper(connect, expected):
    block = SEWBlock(1, 1, connect=connect)
    block.residual = nn.Threshold(0.5, 0)  # 1 where the input is; the shortcut is replaced below
    block.shortcut = _Constant(torch.tensor([0.0, 1.0, 0.0, 1.0]))
    assert block(torch.tensor([0.0, 0.0, 1.0, 1.0])).tolist() == expected


class _Constant(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, x):
        return self.value


def test_a_sew_block_whose_residual_is_silent_passes_its_spikes_on_with_add_and_iand():
    xs = (torch.rand(5, 2, 3, 4, 4) > 0.5).float()
    for connect in ("ADD", "IAND"):
        block = SEWBlock(3, 3, connect=connect)
        for norm in (block.residual[1], block.residual[4]):
            nn.init.zeros_(norm.weight)
        assert torch.equal(unroll(block, xs), xs)


def test_an_ms_block_whose_last_norm_is_zero_passes_its_input_on():
    block = MSBlock(3, 3)
    nn.init.zeros_(block.residual[-1].weight)
    xs = torch.randn(5, 2, 3, 4, 4)
    assert torch.equal(unroll(block, xs), xs)


@pytest.mark.parametrize("connect", ["ADD", "AND", "IAND"])
def test_a_sew_network_over_a_sequence_is_its_loop(connect):
    assert_unroll_is_the_loop(sew_resnet(8, 3, width=4, connect=connect), 3 * torch.randn(4, 3, 3, 9, 7))


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
@pytest.mark.parametrize("make", [sew_resnet, ms_resnet])
def test_a_network_of_depth_18_over_a_sequence_is_its_loop(make, stem):
    net = make(18, 5, in_channels=2, width=2, stem=stem, neuron=lambda: Synaptic(0.8, 0.7, init_hidden=True))
    assert_unroll_is_the_loop(net, 3 * torch.randn(3, 3, 2, 33, 35))


@pytest.mark.parametrize("make", [sew_resnet, ms_resnet])
def test_the_image_is_halved_by_every_stage_but_the_first(make):
    net = make(34, width=1)
    strides = [
        block.shortcut[0].stride for block in net if hasattr(block, "shortcut") and len(list(block.shortcut.children()))
    ]
    assert strides == [(2, 2)] * 3
    assert [type(block) for block in net].count(SEWBlock if make is sew_resnet else MSBlock) == 3 + 4 + 6 + 3


@pytest.mark.parametrize("make", [sew_resnet, ms_resnet])
def test_arguments_that_a_network_does_not_offer_are_refused(make):
    name = make.__name__
    with pytest.raises(ValueError, match=rf"^{name}: depth must be one of 8, 18, 34, got 20$"):
        make(20)
    with pytest.raises(ValueError, match=rf"^{name}: stem must be one of 'cifar', 'imagenet', got 'mnist'$"):
        make(8, stem="mnist")
    with pytest.raises(ValueError, match=rf"^{name}: width must be a whole number of at least 1, got 0$"):
        make(8, width=0)
    with pytest.raises(ValueError, match=rf"^{name}: num_classes must be a whole number of at least 1, got 2.5$"):
        make(8, 2.5)


def test_a_connection_that_is_not_offered_is_refused():
    with pytest.raises(ValueError, match=r"^SEWBlock: connect must be one of 'ADD', 'AND', 'IAND', got 'OR'$"):
        sew_resnet(8, connect="OR")


@pytest.mark.parametrize("make", [sew_resnet, ms_resnet])
def test_a_neuron_that_does_not_fit_is_refused(make):
    with pytest.raises(TypeError, match=r"neuron must be a function without arguments, got Leaky"):
        make(8, neuron=Leaky(0.5, init_hidden=True))
    with pytest.raises(TypeError, match=r"neuron must return a spiking neuron, got ReLU; pass a function"):
        make(8, neuron=nn.ReLU)
    with pytest.raises(ValueError, match=r"Leaky\(init_hidden=False, output=False\); pass init_hidden=True"):
        make(8, neuron=lambda: Leaky(0.5))
    with pytest.raises(ValueError, match=r"Leaky\(init_hidden=True, output=True\)"):
        make(8, neuron=lambda: Leaky(0.5, init_hidden=True, output=True))
